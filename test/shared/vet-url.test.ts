import assert from "node:assert/strict";
import { test } from "node:test";

import { vetUrl } from "../../shared/vet-url.ts";

const OWN = new Set(["burrow.example.org", "way-in.example.org", ""]);

function outcome(text: string): string {
  const verdict = vetUrl(text, OWN);
  return typeof verdict === "string" ? verdict : verdict.href;
}

test("every spelling of an inner address is refused", () => {
  const spellings = [
    [
      "http://127.0.0.1/",
      "http://127.1/",
      "http://127.0.1/",
      "http://0/",
      "http://0.0.0.0/",
      "http://[::1]/",
    ],
    [
      "http://2130706433/",
      "http://0x7f000001/",
      "http://0x7f.1/",
      "http://017700000001/",
      "http://0177.0.0.1/",
    ],
    [
      "http://0x7f.0x0.0x0.0x1/",
      "http://0177.0.0x0.1/",
      "http://127.0.0.1./",
      "http://[::]/",
      "http://[::127.0.0.1]/",
    ],
    [
      "http://[::ffff:127.0.0.1]/",
      "http://[::ffff:7f00:1]/",
      "http://[0:0:0:0:0:0:0:1]/",
      "http://[::7f00:1]/",
    ],
    ["http://１２７.０.０.１/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://%31%32%37.0.0.1/"],
    [
      "http://127%2e0%2e0%2e1/",
      "http:\\\\127.0.0.1\\",
      "http:127.0.0.1/",
      "http:///127.0.0.1/",
      " http://127.0.0.1",
    ],
    [
      "ht\ntp://127.0.0.1/",
      "http://169.254.169.254/latest/meta-data/",
      "http://[fd00:ec2::254]/",
      "http://2852039166/",
    ],
    ["http://168.63.129.16/metadata", "http://100.100.100.200/", "http://192.168.1.1/", "http://10.0.0.1/"],
    ["http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fe80::1]/", "http://[ff02::1]/"],
  ].flat();
  assert.deepEqual(
    spellings.filter((text) => outcome(text) !== "host"),
    [],
  );
});

test("names that mean something at home, or nothing for certain, are refused", () => {
  const names = [
    [
      "localhost",
      "LOCALHOST",
      "localhost.",
      "a.localhost",
      "printer.local",
      "metadata.google.internal",
      "a.internal",
    ],
    [
      "router.home.arpa",
      "home.arpa",
      "nas.lan",
      "nas.home",
      "intranet",
      "instance-data",
      "metadata.goog",
      "a.corp",
    ],
    [
      "ｌｏｃａｌｈｏｓｔ",
      "ⓛocalhost",
      "local%68ost",
      "feeds.example.org.",
      "a..example.org",
      "1.0.0.127.in-addr.arpa",
    ],
    ["localhost.localdomain", "a.onion", "wpad"],
  ].flat();
  assert.deepEqual(
    names.filter((name) => outcome(`http://${name}/`) !== "host"),
    [],
  );
});

test("this server is no client of itself, by any of its names", () => {
  for (const name of [
    "burrow.example.org",
    "BURROW.example.org",
    "way-in.example.org",
    "ｂurrow.example.org",
  ])
    assert.equal(outcome(`https://${name}/_matrix/client/versions`), "host", name);
});

test("only http and https, without credentials, on their two ports", () => {
  for (const text of [
    "ftp://a.example.org/",
    "file:///etc/passwd",
    "gopher://a.example.org/",
    "data:,x",
    "blob:http://a.example.org/",
  ])
    assert.equal(outcome(text), "scheme", text);
  for (const text of ["http://ada@a.example.org/", "http://ada:x@a.example.org/", "http://:x@a.example.org/"])
    assert.equal(outcome(text), "credentials", text);
  for (const text of [
    "http://a.example.org:8090/",
    "http://a.example.org:22/",
    "https://a.example.org:8443/",
    "http://a.example.org:0/",
  ])
    assert.equal(outcome(text), "port", text);
  for (const text of [
    "",
    "a.example.org",
    "//a.example.org/",
    "http://",
    "http://a b.example.org/",
    "http://[::1",
    "http://256.256.256.256/",
    `http://a.example.org/${"a".repeat(5000)}`,
    `http://a.example.org/${"é".repeat(1000)}`,
  ])
    assert.equal(outcome(text), "not-a-url", text);
});

test("what is public is fetched, as the URL standard reads it and without its fragment", () => {
  for (const [text, href] of [
    ["https://feeds.example.org/a?b=c#d", "https://feeds.example.org/a?b=c"],
    ["HTTP://Feeds.Example.ORG:80/a/../b", "http://feeds.example.org/b"],
    ["http://a.example.org:443/", "http://a.example.org:443/"],
    ["https://bücher.example.org/ü", "https://xn--bcher-kva.example.org/%C3%BC"],
    ["http://134744072/", "http://8.8.8.8/"],
    ["https://[2606:4700::1111]/", "https://[2606:4700::1111]/"],
    ["https://a_b.example.org/", "https://a_b.example.org/"],
    ["https://xburrow.example.org/", "https://xburrow.example.org/"],
    ["https://notlocal/", "host"],
    ["https://mylocal.example.org/", "https://mylocal.example.org/"],
  ] as const)
    assert.equal(outcome(text), href, text);
});

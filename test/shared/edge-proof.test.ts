import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { formatEdgeClient, parseEdgeClient } from "../../shared/edge-client.ts";
import type { EdgeClient } from "../../shared/edge-client.ts";
import { formatEdgeKey, parseEdgeKey } from "../../shared/edge-key.ts";
import {
  formatProof,
  isWithinWindow,
  parseProof,
  proofBase,
  proofParameters,
  signatureBase,
} from "../../shared/edge-proof.ts";
import { formatReply, parseReply, replyBase } from "../../shared/reply-proof.ts";
import type { ReplyFacts } from "../../shared/reply-proof.ts";

const MAC = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=";
const NONCE = "AAECAwQFBgcICQoLDA0ODw";

test("the hmac-sha256 vector of RFC 9421 B.2.5 comes out of the same base builder", () => {
  const secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
  const base = signatureBase(
    [
      ["date", "Tue, 20 Apr 2021 02:07:55 GMT"],
      ["@authority", "example.com"],
      ["content-type", "application/json"],
    ],
    '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  );
  const mac = createHmac("sha256", Buffer.from(secret, "base64")).update(base).digest("base64");
  assert.equal(mac, MAC);
});

test("the base names each component once, in the fixed order, and an absent query is a question mark", () => {
  const parameters = proofParameters({ created: 1618884473, keyid: "k1", nonce: NONCE }, true);
  const base = proofBase(
    { method: "GET", path: "/a%2Fb//c", query: "", client: 'host="h"', accessJwt: "x.y.z" },
    parameters,
  );
  assert.equal(
    base,
    [
      '"@method": GET',
      '"@path": /a%2Fb//c',
      '"@query": ?',
      '"burrow-client": host="h"',
      '"burrow-access-jwt": x.y.z',
      '"@signature-params": ("@method" "@path" "@query" "burrow-client" "burrow-access-jwt");' +
        `created=1618884473;keyid="k1";nonce="${NONCE}";tag="burrow-edge"`,
    ].join("\n"),
  );
});

test("a proof is read in the form that is written", () => {
  for (const coversAccess of [true, false]) {
    const parameters = proofParameters({ created: 1618884473, keyid: "k1", nonce: NONCE }, coversAccess);
    const { signatureInput, signature } = formatProof(parameters, MAC);
    assert.deepEqual(parseProof(signatureInput, signature), {
      created: 1618884473,
      keyid: "k1",
      nonce: NONCE,
      coversAccess,
      parameters,
      mac: MAC,
    });
  }
});

test("a proof in any other form is refused", () => {
  const parameters = proofParameters({ created: 1618884473, keyid: "k1", nonce: NONCE }, false);
  const { signatureInput, signature } = formatProof(parameters, MAC);
  assert.ok(parseProof(signatureInput, signature));
  const inputs = [
    "",
    ` ${signatureInput}`,
    `${signatureInput} `,
    `${signatureInput}\n`,
    `${signatureInput}, ${signatureInput}`,
    `${signatureInput};alg="hmac-sha256"`,
    signatureInput.replace("burrow=", "other="),
    signatureInput.replace(' "@query"', ""),
    signatureInput.replace('"@method" "@path"', '"@path" "@method"'),
    signatureInput.replace('"@path"', '"@path";req'),
    signatureInput.replace("created=", "expires="),
    signatureInput.replace("1618884473", "01618884473"),
    signatureInput.replace("1618884473", "-1618884473"),
    signatureInput.replace("1618884473", "1618884473.0"),
    signatureInput.replace("burrow-edge", "other"),
    signatureInput.replace(NONCE, NONCE.slice(1)),
    signatureInput.replace(NONCE, `${NONCE.slice(1)}ä`),
    signatureInput.replace('"k1"', '"K1"'),
    signatureInput.replace('"k1"', '""'),
  ];
  for (const input of inputs) assert.equal(parseProof(input, signature), undefined, input);
  const signatures = [
    "",
    MAC,
    `burrow=${MAC}`,
    `burrow=:${MAC.slice(1)}:`,
    `burrow=:${MAC.slice(0, -1)}:`,
    `burrow=:${MAC}:, burrow=:${MAC}:`,
    `other=:${MAC}:`,
    `burrow=:${MAC}: `,
  ];
  for (const value of signatures) assert.equal(parseProof(signatureInput, value), undefined, value);
});

test("the window is sixty seconds to either side", () => {
  assert.ok(isWithinWindow(1000, 1060) && isWithinWindow(1060, 1000));
  assert.ok(!isWithinWindow(1000, 1061) && !isWithinWindow(1061, 1000));
});

test("the client field survives writing and reading", () => {
  const clients: EdgeClient[] = [
    { host: "burrow.localhost", port: 8787, scheme: "http", addr: "127.0.0.1", time: 1618884473 },
    {
      host: "burrow.example.org",
      scheme: "https",
      addr: "2001:db8::1",
      ray: "8f0a1b2c3d4e5f60-AMS",
      country: "NL",
      time: 1618884473,
    },
    { host: "[::1]", scheme: "http", addr: "::1", time: 1 },
  ];
  for (const client of clients) assert.deepEqual(parseEdgeClient(formatEdgeClient(client) ?? ""), client);
});

test("a client field never carries what could end it early", () => {
  const client: EdgeClient = { host: "burrow.example.org", scheme: "https", addr: "192.0.2.1", time: 1 };
  for (const host of ["", 'a"', "a,b", "a b", "A.example.org", "a\nb", "é.example.org", "-a"])
    assert.equal(formatEdgeClient({ ...client, host }), undefined, host);
  for (const addr of ["", '1"', "192.0.2.1, 192.0.2.2", "unknown", "192.0.2.1\n"])
    assert.equal(formatEdgeClient({ ...client, addr }), undefined, addr);
  const dropped = formatEdgeClient({ ...client, ray: 'x", addr="192.0.2.9', country: "Netherlands" });
  assert.equal(dropped, 'host="burrow.example.org", scheme="https", addr="192.0.2.1", time=1');
});

test("a client field in any other form is refused", () => {
  const field = 'host="burrow.example.org", scheme="https", addr="192.0.2.1", time=1';
  assert.ok(parseEdgeClient(field));
  for (const bad of [
    "",
    `${field}, x=1`,
    `${field},`,
    field.replace(", ", ","),
    field.replace('scheme="https"', 'scheme="ftp"'),
    field.replace('scheme="https", ', ""),
    field.replace('addr="192.0.2.1"', 'addr="192.0.2.1", addr="192.0.2.2"'),
    field.replace("time=1", "time=-1"),
    field.replace("burrow.example.org", "x".repeat(700)),
  ])
    assert.equal(parseEdgeClient(bad), undefined, bad);
});

test("an edge key line is read back, and one byte short is none", () => {
  const key = { keyid: "k-2026", secret: new Uint8Array(32).fill(7) };
  const line = formatEdgeKey(key);
  assert.deepEqual(parseEdgeKey(`${line}\n`), key);
  const short = formatEdgeKey({ ...key, secret: new Uint8Array(31) });
  for (const bad of [
    "",
    "k1",
    "k1.",
    short,
    `${line}A`,
    line.toUpperCase(),
    line.replace(".", ":"),
    `${line} ${line}`,
  ])
    assert.equal(parseEdgeKey(bad), undefined, bad);
});

test("the reply proof is read in the form that is written, and its base tells every value apart", () => {
  const facts: ReplyFacts = { time: 1618884473123, proof: "accepted", panic: "logins", guess: "failed" };
  assert.deepEqual(parseReply(formatReply(facts, MAC)), { facts, mac: MAC });
  const base = replyBase(NONCE, 200, facts);
  const others = [
    replyBase("-", 200, facts),
    replyBase(NONCE, 401, facts),
    replyBase(NONCE, 200, { ...facts, time: facts.time + 1 }),
    replyBase(NONCE, 200, { ...facts, proof: "stale" }),
    replyBase(NONCE, 200, { ...facts, panic: "none" }),
    replyBase(NONCE, 200, { ...facts, guess: "ok" }),
  ];
  assert.equal(new Set([base, ...others]).size, others.length + 1);
});

test("a reply proof in any other form is refused", () => {
  const field = formatReply({ time: 1618884473123, proof: "stale", panic: "none", guess: "none" }, MAC);
  assert.ok(parseReply(field));
  for (const bad of [
    "",
    `${field}, ${field}`,
    field.replace("v=1", "v=2"),
    field.replace("stale", "STALE"),
    field.replace("stale", "maybe"),
    field.replace("panic=none", "panic=all"),
    field.replace(MAC, MAC.slice(2)),
    field.replace("t=", "t=0"),
    `${field} `,
  ])
    assert.equal(parseReply(bad), undefined, bad);
});

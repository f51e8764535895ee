import assert from "node:assert/strict";
import { test } from "node:test";

import { nextPath } from "../../origin/gate/next-path.ts";

test("a path of the same host is kept, as a URL parser writes it", () => {
  for (const [given, kept] of [
    ["/", "/"],
    ["/photos/2026?sort=new&page=2", "/photos/2026?sort=new&page=2"],
    ["/a/../b/./c", "/b/c"],
    ["/caf\u00e9?q=\u00fc", "/caf%C3%A9?q=%C3%BC"],
    ["/notes/a%20b%2Fc", "/notes/a%20b%2Fc"],
    ["/search?q=%0d%0aSet-Cookie:%20x", "/search?q=%0d%0aSet-Cookie:%20x"],
    ["/to?url=https://elsewhere.example//x", "/to?url=https://elsewhere.example//x"],
    ["/a//b", "/a//b"],
    ["/#fragment", "/"],
    ["/%zz%", "/%zz%"],
  ] as const) {
    assert.equal(nextPath(given), kept, given);
  }
});

test("everything else leads to the first page", () => {
  for (const given of [
    undefined,
    null,
    "",
    "photos",
    "?x",
    "https://evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: x=1",
    "/\u0000//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\u2028/evil.example",
    "/%09/evil.example",
    "/%0d%0aSet-Cookie:%20x=1",
    "/%5cevil.example",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/.//evil.example",
    "/%2e//evil.example",
    "/x/..//evil.example",
    "/x/%2e%2e//evil.example",
    "/..//evil.example/%2e%2e",
    "//id.example.org@evil.example/",
    "//user:password@this.invalid/",
    "/\ud800",
    `/${"x".repeat(4000)}`,
  ]) {
    const kept = nextPath(given);
    // A lone surrogate is written as U+FFFD, which is harmless.
    assert.ok(kept === "/" || kept === "/%EF%BF%BD", `${String(given)} → ${kept}`);
  }
});

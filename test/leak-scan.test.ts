import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { scan } from "../tools/leak-scan.ts";

const random = randomBytes(22).toString("hex").slice(0, 43);

const leaks: Record<string, string> = {
  "private key": `-----BEGIN PRIVATE KEY-----\n${random}`,
  "age key": `AGE-SECRET-KEY-1${"Q".repeat(58)}`,
  "Matrix token": "syt_YWRhbGFkYQ_abcdefghijklmnop_1a2b3c",
  "Burrow token": `token: bat_${random}`,
  "edge key": `EDGE_KEY=k0123abcd.${random}`,
  "AWS key": "AKIAABCDEFGHIJKLMNOP",
  "secret in quotes": `const adminPassword = "${random}"`,
  "public IPv4 address": "connect to 8.8.4.4:443",
  "public IPv6 address": "listens on 2a00:1450:4001:81b::200e",
  "path of a developer's machine": "see /home/somebody/projects/x",
  "registry host": "https://npm.corp.internal/left-pad",
};
for (const [rule, text] of Object.entries(leaks)) {
  test(`finds a ${rule}`, () => {
    assert.deepEqual(scan("docs/some.md", `first line\n${text}\n`), [
      { file: "docs/some.md", line: 2, rule },
    ]);
  });
}

test("leaves documentation addresses, versions and placeholders alone", () => {
  const text = `192.0.2.7 198.51.100.1 203.0.113.255 10.0.0.1 127.0.0.1 0.0.0.0 2001:db8::1 fe80::1 ::1 12:30:45
    version 24.21.0, 1.2.3.4.5, password: "correct horse battery staple", const secret = "short",
    tokenPattern = "access_token_is_named_here", /home/ada/burrow, https://registry.npmjs.org/hono`;
  assert.deepEqual(scan("docs/some.md", text), []);
});

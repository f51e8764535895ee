import assert from "node:assert/strict";
import { test } from "node:test";

import {
  AccessRulesError,
  findPolicy,
  formatAccessRules,
  isPolicyPath,
  parseAccessRules,
} from "../../shared/access-policy.ts";
import type { AccessPolicy } from "../../shared/access-policy.ts";

const HOST = "example.org";
const policy = (path: string, aud: string[] = [path.padEnd(8, "x").replaceAll("/", "_")]): AccessPolicy => ({
  host: HOST,
  path,
  aud,
  serviceTokens: [],
});
const find = (policies: AccessPolicy[], path: string): string | undefined =>
  findPolicy(policies, HOST, path)?.path;

test("the longest path that covers a request decides, by whole segments", () => {
  const policies = [policy("/"), policy("/files"), policy("/files/public", [])];
  for (const [path, expected] of [
    ["/", "/"],
    ["/filesystem", "/"],
    ["/files", "/files"],
    ["/files/", "/files"],
    ["/files/a/b", "/files"],
    ["/files/public", undefined],
    ["/files/public/a", undefined],
    ["/files/publications", "/files"],
  ] as const)
    assert.equal(find(policies, path), expected, path);
  assert.equal(findPolicy(policies, "other.example.org", "/files"), undefined);
});

test("an odd spelling leads into a policy, never out of one", () => {
  const closed = [policy("/_burrow/admin")];
  for (const path of [
    "/_burrow/admin",
    "/_burrow//admin/x",
    "//_burrow/admin",
    "/_burrow/%61dmin",
    "/_burrow%2Fadmin/x",
    "/_burrow%2fadmin",
    "/_BURROW/Admin",
    "/_burrow;a=1/admin",
    "/_burrow%3Bx/admin/",
    "/_burrow/admin%00.txt",
    "/_burrow/admin%zz",
    "/x/..;/_burrow/admin",
    "/x\\..\\_burrow/admin",
  ])
    assert.equal(find(closed, path), "/_burrow/admin", path);
  const opened = [policy("/"), policy("/dav", [])];
  assert.equal(find(opened, "/dav/ada/file%20one.txt"), undefined);
  for (const path of [
    "/dav//x",
    "/DAV/x",
    "/dav%2fx",
    "/dav;x",
    "/dav/..;/x",
    "/dav/%00",
    "/dav%2f%2e%2e%2fx",
  ])
    assert.equal(find(opened, path), "/", path);
});

test("rules come over as they were written, and anything else is refused", () => {
  const rules = {
    team: "burrow-test.cloudflareaccess.com",
    policies: [
      { host: HOST, path: "/x", aud: ["a".repeat(64)], serviceTokens: ["b.access"] },
      policy("/y", []),
    ],
  };
  assert.deepEqual(parseAccessRules(formatAccessRules(rules)), rules);
  const local = { ...rules, certsUrl: "http://127.0.0.1:1234/certs" };
  assert.deepEqual(parseAccessRules(formatAccessRules(local)), local);
  for (const broken of [
    "",
    "null",
    "{}",
    "[]",
    '{"team":"example.org","policies":[]}',
    JSON.stringify({ team: rules.team }),
    JSON.stringify({ ...rules, certsUrl: "https://example.org/certs" }),
    JSON.stringify({ ...rules, certsUrl: "http://192.0.2.1/certs" }),
    JSON.stringify({ ...rules, policies: [null] }),
    JSON.stringify({ ...rules, policies: [{ host: HOST, path: "/x" }] }),
    JSON.stringify({ ...rules, policies: [{ ...policy("/x"), path: "x" }] }),
    JSON.stringify({ ...rules, policies: [{ ...policy("/x"), aud: [1] }] }),
  ])
    assert.throws(() => parseAccessRules(broken), AccessRulesError, broken);
});

test("a policy's path is plain", () => {
  for (const path of ["/", "/a", "/a/b.c", "/_burrow/admin", "/caf%C3%A9"])
    assert.ok(isPolicyPath(path), path);
  for (const path of [
    "",
    "a",
    "/a/",
    "//",
    "/a//b",
    "/a/../b",
    "/%61",
    "/a%2Fb",
    "/a;b",
    "/a b",
    "/a?b",
    "/a\\b",
    "/%00",
  ])
    assert.ok(!isPolicyPath(path), path);
});

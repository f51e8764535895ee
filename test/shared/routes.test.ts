import assert from "node:assert/strict";
import { test } from "node:test";

import { canonicalisePath } from "../../shared/canonical-path.ts";
import { classifyGuess } from "../../shared/guess-routes.ts";
import type { GuessKind } from "../../shared/guess-routes.ts";

test("only unreserved octets are decoded", () => {
  const cases: [string, string][] = [
    ["/%6Cogin", "/login"],
    ["/%6c%6F%67in", "/login"],
    ["/%2D%2e%5F%7ex", "/-._~x"],
    ["/a%2Fb//c%2f", "/a%2Fb//c%2f"],
    ["/%21room%3Aexample.org", "/%21room%3Aexample.org"],
    ["/%C3%A9", "/%C3%A9"],
    ["/%256C", "/%256C"],
    ["//x/", "//x/"],
    ["/...", "/..."],
  ];
  for (const [raw, path] of cases) assert.deepEqual(canonicalisePath(raw), { path, soundPrefix: path }, raw);
});

test("encoded dot segments and backslashes are refused", () => {
  for (const raw of ["/a/%2e%2e/b", "/a/.%2E/b", "/%2e", "/a%2F..%2Fb", "/..%2f", "/a%2F%2e%2e"])
    assert.equal(canonicalisePath(raw), "dot-segment", raw);
  for (const raw of ["/a%5Cb", "/a%5c", "/a\\b"]) assert.equal(canonicalisePath(raw), "backslash", raw);
});

test("a path with NUL or a broken escape keeps its octets and tells what stands before them", () => {
  for (const [raw, soundPrefix] of [
    ["/login%00x", "/login"],
    ["/login%zz", "/login"],
    ["/login%", "/login"],
    ["/login%6", "/login"],
  ] as const)
    assert.deepEqual(canonicalisePath(raw), { path: raw, soundPrefix }, raw);
});

const client = "/_matrix/client";

test("each way to guess a secret is named", () => {
  const rows: [method: string, path: string, kind: GuessKind][] = [
    ["POST", "/setup", "setup-token"],
    ["POST", "/invite", "invite-token"],
    ["POST", "/invite/accept", "invite-token"],
    ["POST", "/sign-in", "password"],
    ["POST", "/sign-in/second-step", "second-factor"],
    ["POST", "//sign-in/second-step/", "second-factor"],
    ["POST", "/sign-in/passkey", "passkey"],
    ["POST", `${client}/v3/login`, "password"],
    ["POST", `${client}/r0/login`, "password"],
    ["POST", `${client}/v1/login/get_token`, "password"],
    ["POST", `${client}/v3/register`, "invite-token"],
    ["GET", `${client}/v1/register/m.login.registration_token/validity`, "invite-token"],
    ["HEAD", `${client}/v1/register/m.login.registration_token/validity`, "invite-token"],
    [
      "GET",
      `${client}/unstable/org.matrix.msc3231/register/org.matrix.msc3231.login.registration_token/validity`,
      "invite-token",
    ],
    ["POST", `${client}/v3/account/password`, "password"],
    ["POST", `${client}/v3/account/deactivate`, "password"],
    ["POST", `${client}/v3/delete_devices`, "password"],
    ["DELETE", `${client}/v3/devices/ABC`, "password"],
    ["DELETE", `${client}/v3/devices/%23a%2Fb`, "password"],
    ["POST", `${client}/unstable/keys/device_signing/upload`, "password"],
    ["POST", `${client}/v3/refresh`, "refresh-token"],
    ["GET", "/_burrow/metrics", "api-key"],
    ["GET", "/_burrow/admin/v1/members", "api-key"],
    ["PUT", "/_burrow/admin/v1/members/ben/locked", "api-key"],
  ];
  for (const [method, path, kind] of rows)
    assert.equal(classifyGuess(method, path), kind, `${method} ${path}`);
});

test("no other spelling of a route slips past", () => {
  for (const path of [
    `${client}/v3/%6Cogin`,
    `${client}/v3/%6c%6f%67%69%6e`,
    `/%5fmatrix/client/v3/login`,
    `//_matrix//client/v3/login`,
    `${client}/v3/login/`,
    `${client}/v3/login%00`,
    `${client}/v3/login%00/x`,
    `${client}/v3/login%zz`,
    `${client}/v3/login%`,
  ])
    assert.equal(classifyGuess("POST", path), "password", path);
});

test("what tells nothing is free", () => {
  for (const [method, path] of [
    ["GET", `${client}/v3/login`],
    ["OPTIONS", `${client}/v3/login`],
    ["GET", "/setup"],
    ["GET", "/invite/x"],
    ["POST", "/setups"],
    ["POST", `${client}/v3/logout`],
    ["GET", `${client}/v3/devices/ABC`],
    ["GET", `${client}/v3/sync`],
    ["POST", `${client}/v3/rooms/%21r/send/login`],
    ["POST", "/files/sign-in"],
  ] as const)
    assert.equal(classifyGuess(method, path), undefined, `${method} ${path}`);
});

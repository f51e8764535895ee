import assert from "node:assert/strict";
import { test } from "node:test";

import { dialectOf, formatComplaint } from "../../shared/answers.ts";
import { isForbiddenHeader, withoutAccessCookies } from "../../shared/headers.ts";
import { appOfUrl, formatHostTable, HostTableError, parseHostTable } from "../../shared/hosts.ts";
import { hstsOfStage, HstsStageError } from "../../shared/security-headers.ts";

const FORBIDDEN = [
  "burrow-client",
  "burrow-reply",
  "x-burrow-anything",
  "signature",
  "signature-input",
  "cf-connecting-ip",
  "cf-ray",
  "cf-access-jwt-assertion",
  "remote-user",
  "x-auth-user",
  "x-auth-email",
  "x-auth-groups",
  "x-auth-name",
  "x-auth-request-email",
  "x-forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "x-original-url",
  "x-rewrite-url",
  "x-http-method",
  "x-http-method-override",
];

test("each header that claims an identity is dropped, however it is cased or underscored", () => {
  for (const name of FORBIDDEN) {
    for (const spelling of [
      name,
      name.toUpperCase(),
      name.replaceAll("-", "_"),
      name.replace("-", "_").toUpperCase(),
    ])
      assert.ok(isForbiddenHeader(spelling), spelling);
  }
});

test("headers that a client needs stay", () => {
  for (const name of [
    "authorization",
    "cookie",
    "content-type",
    "range",
    "if-none-match",
    "depth",
    "x-requested-with",
  ])
    assert.ok(!isForbiddenHeader(name), name);
});

test("a header that an app trusts is dropped too", () => {
  const trusted = new Set(["x-webauth-user"]);
  assert.ok(isForbiddenHeader("X_WebAuth_User", trusted));
  assert.ok(!isForbiddenHeader("x-webauth-user"));
});

test("the cookies of Access are dropped and the others stay", () => {
  assert.equal(withoutAccessCookies("a=1; CF_Authorization=x; b=2;CF_AppSession=y"), "a=1; b=2");
  assert.equal(withoutAccessCookies("cf_authorization=x"), undefined);
  assert.equal(withoutAccessCookies("a=CF_Authorization=x"), "a=CF_Authorization=x");
  assert.equal(withoutAccessCookies(" ; "), undefined);
});

test("a host table is read back and looked up by the URL's host, without port and case", () => {
  const table = parseHostTable("burrow.example.org=home mail.example.org=mail\n 127.0.0.1=home");
  assert.deepEqual(parseHostTable(formatHostTable(table)), table);
  assert.equal(appOfUrl(table, new URL("https://MAIL.example.org:8443/x")), "mail");
  assert.equal(appOfUrl(table, new URL("https://other.example.org/")), undefined);
  assert.equal(appOfUrl(table, new URL("https://mail.example.org./")), undefined);
});

test("a host table that cannot be meant is refused", () => {
  for (const text of [
    "",
    " ",
    "a",
    "a=",
    "=b",
    "A.example.org=home",
    "a.example.org:80=home",
    "a=b a=c",
    "a=b=c",
  ])
    assert.throws(() => parseHostTable(text), HostTableError, text);
});

test("HSTS grows by stages and its switches are separate", () => {
  assert.equal(hstsOfStage("off"), undefined);
  assert.equal(hstsOfStage(""), undefined);
  assert.equal(hstsOfStage("trial"), "max-age=300");
  assert.equal(hstsOfStage("day includeSubDomains"), "max-age=86400; includeSubDomains");
  assert.equal(hstsOfStage("long"), "max-age=63072000");
  assert.equal(hstsOfStage("long includeSubDomains preload"), "max-age=63072000; includeSubDomains; preload");
  for (const text of ["week", "off preload", "long preload", "day includeSubDomains preload", "trial x"])
    assert.throws(() => hstsOfStage(text), HstsStageError, text);
});

test("an error is told in the protocol of who asks, and a page never carries markup from a message", () => {
  const complaint = { status: 503, code: "away", errcode: "M_UNKNOWN", title: "Away", message: "<b>&\"'" };
  assert.equal(dialectOf("/_matrix/client/versions", "text/html"), "matrix");
  assert.equal(dialectOf("/.well-known/matrix/client", null), "matrix");
  assert.equal(dialectOf("/_matrixx", "application/json"), "json");
  assert.equal(dialectOf("/", "text/html,*/*;q=0.8"), "html");
  assert.deepEqual(JSON.parse(formatComplaint(complaint, "matrix").body), {
    errcode: "M_UNKNOWN",
    error: complaint.message,
  });
  assert.deepEqual(JSON.parse(formatComplaint(complaint, "json").body), {
    error: "away",
    message: complaint.message,
  });
  assert.ok(!formatComplaint(complaint, "html").body.includes("<b>"));
});

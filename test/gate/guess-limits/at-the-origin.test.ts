/** Row E3 straight at the origin: real listener, real apps, requests signed as the edge signs them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createKdf, type Kdf } from "../../../origin/members/kdf.ts";
import { parseReply } from "../../../shared/reply-proof.ts";
import {
  type Answer,
  createSignedClient,
  type SignedClient,
  type SignedRequest,
} from "../../support/signed-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../../support/test-origin.ts";

const password = "heron lantern oatmeal quarry";
const client = "/_matrix/client";
const minute = 60_000;
const clock = { now: Date.now() };
const kdf = countingKdf();
const dataDir = temporaryFolder({ after });

let origin: TestOrigin;
let edge: SignedClient;

function countingKdf(): Kdf & { calls: number } {
  const cheap = createKdf({ memory: 8, passes: 1 });
  const counting = {
    ...cheap,
    calls: 0,
    verify(stored: string, tried: string) {
      counting.calls += 1;
      return cheap.verify(stored, tried);
    },
  };
  return counting;
}

async function start(): Promise<void> {
  origin = await startTestOrigin({ dataDir, now: () => clock.now, kdf });
  edge = createSignedClient({
    origin: origin.facts.url,
    edgeKey: origin.facts.edgeKey,
    host: "burrow.localhost",
    now: () => clock.now,
  });
}

async function stop(): Promise<void> {
  edge.close();
  await origin.close();
}

before(async () => {
  await start();
  for (const name of ["ada", "ben", "cleo", "dora"])
    await origin.origin.members.createAccount({ name, password });
});
after(stop);

let serial = 0;
const login = (address: string, tried?: string, more: Partial<SignedRequest> = {}, user = "ada") =>
  edge.request({
    method: "POST",
    path: `${client}/v3/login`,
    address,
    body: {
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password: tried ?? `guess ${(serial += 1)}`,
    },
    ...more,
  });

const verdictOf = ({ headers }: Answer) => parseReply(String(headers["burrow-reply"]))?.facts.guess;

/** Guesses until it is told to wait. */
async function jail(address: string, more: Partial<SignedRequest> = {}): Promise<number> {
  for (let n = 0; n < 100; n += 1) {
    const { status } = await login(address, undefined, more, `name${(serial += 1)}`);
    if (status === 429) return n;
  }
  return 100;
}

test("who guesses is told when to try again, in the protocol of the request, and nothing is looked at", async () => {
  const right = await login("192.0.2.1", password);
  assert.deepEqual([right.status, verdictOf(right)], [200, "ok"]);
  const wrong = await login("192.0.2.2");
  assert.deepEqual([wrong.status, verdictOf(wrong)], [403, "failed"]);
  await jail("192.0.2.2");
  const callsBefore = kdf.calls;
  const told = await login("192.0.2.2", password, {}, "ben");
  assert.equal(kdf.calls, callsBefore);
  assert.deepEqual([told.status, verdictOf(told)], [429, "none"]);
  const body = told.json<{ errcode: string; error: string; retry_after_ms: number }>();
  assert.equal(body.errcode, "M_LIMIT_EXCEEDED");
  assert.match(body.error, /Try again in 5 seconds/);
  assert.ok(body.retry_after_ms > 0 && body.retry_after_ms <= 5000);
  assert.equal(told.headers["retry-after"], String(Math.ceil(body.retry_after_ms / 1000)));
  assert.equal(told.headers["access-control-allow-origin"], "*", "a browser's client reads it");
  clock.now += 5000;
  assert.equal((await login("192.0.2.2", password, {}, "ben")).status, 200);
});

test("a form is answered with a page, a program with JSON", async () => {
  const post = () => {
    serial += 1;
    return edge.request({
      method: "POST",
      path: "/invite",
      address: "192.0.2.3",
      body: `token=bit_${serial}&name=mallory&password=violet+anchor+biscuit+x`,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        origin: "https://burrow.localhost",
        accept: "text/html",
      },
    });
  };
  await origin.origin.members.createOwner({ name: "keeper", password });
  let answer = await post();
  for (let n = 0; n < 60 && answer.status !== 429; n += 1) answer = await post();
  assert.equal(answer.status, 429);
  assert.equal(verdictOf(answer), "none");
  assert.match(String(answer.headers["content-type"]), /^text\/html/);
  assert.match(answer.text, /<h1>Too many wrong tries<\/h1>/);
  assert.match(answer.text, /Try again in 5 seconds/);
  assert.match(String(answer.headers["content-security-policy"]), /default-src/);
  assert.ok(Number(answer.headers["retry-after"]) > 0);

  const withKey = () => {
    serial += 1;
    return edge.request({
      method: "GET",
      path: "/_burrow/metrics",
      address: "192.0.2.3",
      token: `burrow_key_${serial}`,
    });
  };
  let told = await withKey();
  for (let n = 0; n < 60 && told.status === 404; n += 1) told = await withKey();
  assert.equal(told.status, 429);
  assert.equal(told.json()["error"], "throttled");
  assert.ok(Number(told.json()["retry_after_ms"]) > 0);
});

test("no header makes a source: what counts is the address that the edge signed", async () => {
  const forged = () => ({
    "x-forwarded-for": `198.51.100.${(serial += 1) % 250}`,
    "cf-connecting-ip": `198.51.100.${serial % 250}`,
    "true-client-ip": `198.51.100.${serial % 250}`,
    forwarded: `for=198.51.100.${serial % 250}`,
  });
  let looked = 0;
  for (let n = 0; n < 30; n += 1) {
    const { status } = await login("192.0.2.4", undefined, { headers: forged() }, `name${serial}`);
    if (status === 403) looked += 1;
  }
  assert.equal(looked, 10);
  // And nobody else pays for it.
  assert.equal((await login("198.51.100.7", password, {}, "dora")).status, 200);
});

test("no spelling of a path is another door", async () => {
  const spellings = [`/_matrix/client/v3/%6Cogin`, `/_matrix/client/r0/login`, `/_matrix/client/v3/logi%6e`];
  let looked = 0;
  for (let n = 0; n < 30; n += 1) {
    const path = spellings[n % 3] ?? "";
    const { status } = await login("192.0.2.5", undefined, { path }, `name${(serial += 1)}`);
    if (status === 403) looked += 1;
    else assert.equal(status, 429, path);
  }
  assert.equal(looked, 10);
});

test("asking, preflight and the first answer of interactive authentication cost nothing", async () => {
  const { access_token: token } = (await login("192.0.2.6", password, {}, "cleo")).json<{
    access_token: string;
  }>();
  for (let n = 0; n < 50; n += 1) {
    const asked = await edge.request({ method: "GET", path: `${client}/v3/login`, address: "192.0.2.6" });
    const preflight = await edge.request({
      method: "OPTIONS",
      path: `${client}/v3/login`,
      address: "192.0.2.6",
    });
    const begun = await edge.request({
      method: "POST",
      path: `${client}/v3/account/deactivate`,
      address: "192.0.2.6",
      token,
      body: {},
    });
    assert.deepEqual([asked.status, preflight.status, begun.status], [200, 204, 401]);
    assert.deepEqual([asked, preflight, begun].map(verdictOf), ["none", "none", "none"]);
  }
  const wrong = await edge.request({
    method: "POST",
    path: `${client}/v3/account/deactivate`,
    address: "192.0.2.6",
    token,
    body: { auth: { type: "m.login.password", password: "wrong" } },
  });
  assert.deepEqual([wrong.status, verdictOf(wrong)], [401, "failed"]);
});

test("one stale mail client does not jail the household behind one address", async () => {
  for (let n = 0; n < 200; n += 1) {
    assert.equal((await login("100.64.0.1", "last year's password", {}, "ben")).status, 403);
    clock.now += minute;
  }
  assert.equal((await login("100.64.0.1", password, {}, "ada")).status, 200);
  assert.equal((await login("100.64.0.1", password, {}, "cleo")).status, 200);
});

test("a neighbour who guesses jails the address, and not who has signed in from there", async () => {
  assert.equal((await login("203.0.113.9", password, {}, "dora")).status, 200);
  await jail("203.0.113.9");
  assert.equal((await login("203.0.113.9", password, {}, "ada")).status, 429);
  // A flood of what is refused does not use up dora's sign-ins either.
  for (let n = 0; n < 60; n += 1) await login("203.0.113.9", undefined, {}, "mallory");
  assert.equal((await login("203.0.113.9", password, {}, "dora")).status, 200);
});

test("a restart frees nobody", async () => {
  await jail("203.0.113.77");
  await stop();
  await start();
  assert.equal((await login("203.0.113.77", password, {}, "ben")).status, 429);
});

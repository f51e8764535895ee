/** Row E3 through the real Worker in workerd, in front of the real origin. In production Cloudflare sets CF-Connecting-IP. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startEdge, type RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { createKdf } from "../../origin/members/kdf.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const password = "heron lantern oatmeal quarry";
const dataDir = temporaryFolder({ after });

let origin: TestOrigin;
let edge: RunningEdge;

before(async () => {
  origin = await startTestOrigin({ dataDir, kdf: createKdf({ memory: 8, passes: 1 }) });
  const { members } = origin.origin;
  await members.createOwner({ name: "ada", password });
  await members.createAccount({ name: "ben", password });
  edge = await startEdge({
    root,
    origin: new URL(origin.facts.url).host,
    edgeKey: origin.facts.edgeKey,
    hosts: origin.facts.hosts,
    port: 0,
    persistDir: join(dataDir, "edge"),
  });
});
after(async () => {
  await edge?.stop();
  await origin?.close();
});

let serial = 0;
function login(
  address: string,
  tried?: string,
  options: { path?: string; headers?: object; user?: string } = {},
) {
  const { path = "/_matrix/client/v3/login", headers, user = `name${serial}` } = options;
  serial += 1;
  return fetch(new URL(path, edge.url), {
    method: "POST",
    headers: { "cf-connecting-ip": address, ...headers },
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password: tried ?? `guess ${serial}`,
    }),
  });
}

/** Guesses until it is told to wait. */
async function jail(address: string, options?: Parameters<typeof login>[2]): Promise<number> {
  for (let n = 0; n < 30; n += 1) if ((await login(address, undefined, options)).status === 429) return n;
  return 30;
}

/** A little is forgiven while the edge answers: it may be one more than the ten. */
const aboutTen = (looked: number): void => assert.ok(looked === 10 || looked === 11, String(looked));

test("a Matrix client is told when to try again, and may read it from another origin", async () => {
  aboutTen(await jail("203.0.113.1"));
  const told = await login("203.0.113.1", password, { user: "ada" });
  assert.equal(told.status, 429);
  assert.equal(told.headers.get("access-control-allow-origin"), "*");
  const body = (await told.json()) as { errcode: string; retry_after_ms: number };
  assert.equal(body.errcode, "M_LIMIT_EXCEEDED");
  assert.ok(body.retry_after_ms > 0);
  assert.equal(told.headers.get("retry-after"), String(Math.ceil(body.retry_after_ms / 1000)));
  assert.equal((await login("203.0.113.2", password, { user: "ada" })).status, 200, "somebody else");
});

test("neither another spelling nor a header that claims another address is another door", async () => {
  aboutTen(
    await jail("203.0.113.3", {
      path: "/_matrix/client/r0/%6Cogin",
      headers: { "x-forwarded-for": `198.51.100.${serial}`, "x-real-ip": `198.51.100.${serial}` },
    }),
  );
  const elsewhere = { "x-forwarded-for": "198.51.100.77", forwarded: "for=198.51.100.77" };
  assert.equal((await login("203.0.113.3", undefined, { headers: elsewhere })).status, 429);
  assert.equal((await login("198.51.100.77")).status, 403, "the one that was claimed has done nothing");
});

test("who has signed in from behind an address still can while a neighbour guesses there", async () => {
  assert.equal((await login("192.0.2.4", password, { user: "ben" })).status, 200);
  await jail("192.0.2.4");
  assert.equal((await login("192.0.2.4", password, { user: "ada" })).status, 429);
  assert.equal((await login("192.0.2.4", password, { user: "ben" })).status, 200);
});

test("an IPv6 /64 is one source, however many addresses it has", async () => {
  let looked = 0;
  for (let n = 0; n < 20; n += 1) {
    if ((await login(`2001:db8::${n.toString(16)}`)).status === 403) looked += 1;
  }
  aboutTen(looked);
});

test("a browser that sends a form too often gets a page that says when to try again", async () => {
  const post = () =>
    fetch(new URL("/invite", edge.url), {
      method: "POST",
      headers: { "cf-connecting-ip": "203.0.113.5", accept: "text/html", origin: new URL(edge.url).origin },
      body: new URLSearchParams({
        token: `bit_${(serial += 1)}`,
        name: "mallory",
        password: "violet anchor biscuit x",
      }),
    });
  let answer = await post();
  for (let n = 0; n < 50 && answer.status === 403; n += 1) answer = await post();
  assert.equal(answer.status, 429);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
  assert.ok(Number(answer.headers.get("retry-after")) > 0);
  assert.match(await answer.text(), /<h1>Too many wrong tries<\/h1>[^]*Try again in \d+ seconds/);
});

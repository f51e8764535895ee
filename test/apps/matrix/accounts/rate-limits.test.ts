import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createFixture, type Fixture, password, type Reply } from "../fixture.ts";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture({
    rateLimits: { login: 3, messages: 5, rooms: 2, invites: 4, joins: 3, keys: 4, reports: 1, profiles: 2 },
  });
});
after(() => fixture.close());

function limited({ status, body, headers }: Reply): void {
  assert.deepEqual([status, body.errcode], [429, "M_LIMIT_EXCEEDED"]);
  assert.ok(body.retry_after_ms > 0);
  assert.equal(headers.get("retry-after"), String(Math.ceil(body.retry_after_ms / 1000)));
  assert.equal(headers.get("access-control-allow-origin"), "*", "a browser's client must be able to read it");
}

test("sign-ins are limited by address, and a refused one tries no password", async () => {
  const ada = await fixture.user("ada");
  const login = (address: string) =>
    fixture.request("POST", "/v3/login", {
      address,
      body: { type: "m.login.password", identifier: { type: "m.id.user", user: "ada" }, password },
    });
  for (let count = 0; count < 3; count += 1) assert.equal((await login("198.51.100.1")).status, 200);
  const refused = await login("198.51.100.1");
  limited(refused);
  assert.equal(refused.guess, "none");
  assert.equal((await login("198.51.100.2")).status, 200);
  assert.equal((await fixture.request("GET", "/v3/account/whoami", { token: ada.token })).status, 200);
});

test("what the guess limits refuse takes nothing of the sign-ins that an address has", async (t) => {
  const crowded = await createFixture({ rateLimits: { login: 15 } });
  t.after(() => crowded.close());
  await crowded.user("ada");
  const login = (user: string, tried: string) =>
    crowded.request("POST", "/v3/login", {
      address: "198.51.100.9",
      body: { type: "m.login.password", identifier: { type: "m.id.user", user }, password: tried },
    });
  assert.equal((await login("ada", password)).status, 200);
  const outcomes = [];
  for (let count = 0; count < 40; count += 1)
    outcomes.push((await login("mallory", `guess ${count}`)).status);
  assert.equal(outcomes.filter((status) => status === 403).length, 10);
  assert.equal((await login("ada", password)).status, 200, "she has signed in from here before");
});

test("messages, rooms, invitations, keys, reports and profiles of one device are limited, and others' are not", async () => {
  const ben = await fixture.user("ben");
  const ask = (method: string, path: string, body: object = {}, token = ben.token) =>
    fixture.request(method, path, { token, body });
  const made = await ask("POST", "/v3/createRoom");
  const room = encodeURIComponent(made.body.room_id);
  const say = (txn: number, token = ben.token) =>
    ask("PUT", `/v3/rooms/${room}/send/m.room.message/t${txn}`, { body: "hi" }, token);
  for (let count = 0; count < 5; count += 1) assert.equal((await say(count)).status, 200);
  limited(await say(6));
  const other = await fixture.user("ben");
  assert.equal((await say(7, other.token)).status, 200, "the member's other device");

  const names = ["ada", "cleo", "dora"];
  for (const name of names) await fixture.user(name);
  const invite = names.map((name) => `@${name}:burrow.localhost`);
  assert.equal((await ask("POST", "/v3/createRoom", { invite })).status, 200);
  limited(await ask("POST", "/v3/createRoom"));
  const act = { user_id: invite[0] };
  assert.equal((await ask("POST", `/v3/rooms/${room}/invite`, act)).status, 200);
  limited(await ask("POST", `/v3/rooms/${room}/invite`, act));

  const claim = { one_time_keys: { [ben.userId]: { X: "signed_curve25519" } } };
  assert.equal((await ask("POST", "/v3/keys/claim", claim)).status, 200);
  const many = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`D${index}`, "a"]));
  limited(await ask("POST", "/v3/keys/claim", { one_time_keys: { [ben.userId]: many } }));

  const report = () => ask("POST", `/v3/users/${encodeURIComponent(ben.userId)}/report`, { reason: "" });
  assert.equal((await report()).status, 200);
  limited(await report());
  const rename = (displayname: string) =>
    ask("PUT", `/v3/profile/${encodeURIComponent(ben.userId)}/displayname`, { displayname });
  for (const name of ["Ben", "Benjamin"]) assert.equal((await rename(name)).status, 200);
  limited(await rename("B"));
});

test("a claim of keys beyond bounds is refused before any is taken", async () => {
  const ada = await fixture.user("ada");
  const many = Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`D${index}`, "a"]));
  const reply = await fixture.request("POST", "/v3/keys/claim", {
    token: ada.token,
    body: { one_time_keys: { [ada.userId]: many } },
  });
  assert.deepEqual([reply.status, reply.body.errcode], [400, "M_INVALID_PARAM"]);
});

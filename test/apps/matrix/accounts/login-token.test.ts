import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createFixture, password, type User } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());
const ada = await fixture.user("ada");
const ben = await fixture.user("ben");

const ask = (user: User, body: object) =>
  fixture.request("POST", "/v1/login/get_token", { token: user.token, body });
const login = (token: string) =>
  fixture.request("POST", "/v3/login", { body: { type: "m.login.token", token } });

async function tokenOf(user: User): Promise<string> {
  const identifier = { type: "m.id.user", user: user.name };
  const reply = await ask(user, { auth: { type: "m.login.password", identifier, password } });
  assert.equal(reply.status, 200);
  assert.equal(reply.body.expires_in_ms, 120_000);
  return reply.body.login_token;
}

async function assertRefused(token: string): Promise<void> {
  const reply = await login(token);
  assert.deepEqual([reply.status, reply.body.errcode, reply.guess], [403, "M_FORBIDDEN", "failed"]);
}

test("a token lets one other device in, after the password was asked for, and only once", async () => {
  const asked = await ask(ada, {});
  assert.deepEqual([asked.status, asked.body.flows], [401, [{ stages: ["m.login.password"] }]]);
  const identifier = { type: "m.id.user", user: "ada" };
  const wrong = await ask(ada, { auth: { type: "m.login.password", identifier, password: "wrong" } });
  assert.equal(wrong.status, 401);

  const token = await tokenOf(ada);
  const [first, second] = await Promise.all([login(token), login(token)]);
  const statuses = [first, second].map(({ status }) => status).toSorted((a, b) => a - b);
  assert.deepEqual(statuses, [200, 403]);
  const opened = first.status === 200 ? first : second;
  assert.equal(opened.body.user_id, ada.userId);
  assert.notEqual(opened.body.device_id, ada.deviceId);
  assert.equal(opened.guess, "ok");
});

test("a token ends after two minutes, and with the device that asked for it", async () => {
  const old = await tokenOf(ada);
  fixture.clock.now += 120_000;
  await assertRefused(old);

  const orphan = await tokenOf(ben);
  await fixture.members.endSession(ben.memberId, ben.deviceId);
  await assertRefused(orphan);
});

test("a token is nothing else: not of another account's, not an access token, not one of an OpenID check", async () => {
  await assertRefused("unknown");
  await assertRefused(ada.token);
  const openid = await fixture.request("POST", `/v3/user/${ada.userId}/openid/request_token`, {
    token: ada.token,
    body: {},
  });
  await assertRefused(openid.body.access_token);
  const token = await tokenOf(ada);
  assert.equal((await fixture.request("GET", "/v3/account/whoami", { token })).status, 401);
  const missing = await fixture.request("POST", "/v3/login", { body: { type: "m.login.token" } });
  assert.equal(missing.body.errcode, "M_MISSING_PARAM");
});

test("a suspended member is let in by no token", async () => {
  const cleo = await fixture.user("cleo");
  const token = await tokenOf(cleo);
  await fixture.members.suspend(cleo.memberId);
  assert.equal((await login(token)).body.errcode, "M_USER_SUSPENDED");
});

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createFixture, password, type User, type Reply } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());

const whoami = (token: string) => fixture.request("GET", "/v3/account/whoami", { token });
const refresh = (refresh_token: unknown) =>
  fixture.request("POST", "/v3/refresh", { body: { refresh_token } });

async function loginRefreshing(user: User): Promise<{ access_token: string; refresh_token: string }> {
  const identifier = { type: "m.id.user", user: user.name };
  const body = { type: "m.login.password", identifier, password, refresh_token: true };
  return (await fixture.request("POST", "/v3/login", { body })).body;
}

test("logout ends this device at once and leaves the others", async () => {
  const ada = await fixture.user("ada");
  const phone = await fixture.user("ada");
  assert.deepEqual((await fixture.request("POST", "/v3/logout", { token: ada.token })).body, {});
  const ended = await whoami(ada.token);
  assert.deepEqual(
    [ended.status, ended.body.errcode, ended.body.soft_logout],
    [401, "M_UNKNOWN_TOKEN", false],
  );
  const { body } = await fixture.request("GET", "/v3/devices", { token: phone.token });
  assert.deepEqual(
    body.devices.map((device: { device_id: string }) => device.device_id),
    [phone.deviceId],
  );
});

test("logout everywhere ends all of one's own devices and nobody else's", async () => {
  const [ada, phone, ben] = [await fixture.user("ada"), await fixture.user("ada"), await fixture.user("ben")];
  await fixture.request("POST", "/v3/logout/all", { token: ada.token });
  for (const { token } of [ada, phone]) assert.equal((await whoami(token)).status, 401);
  assert.equal((await whoami(ben.token)).status, 200);
});

test("a locked member can do nothing but sign out, keeps the session, and is told so", async () => {
  const cleo = await fixture.user("cleo");
  const refreshing = await loginRefreshing(cleo);
  await fixture.members.lock(cleo.memberId);
  const locked = [401, "M_USER_LOCKED", true];
  const told = ({ status, body }: Reply) => [status, body.errcode, body.soft_logout];
  assert.deepEqual(told(await whoami(cleo.token)), locked);
  assert.deepEqual(told(await refresh(refreshing.refresh_token)), locked);
  await fixture.members.unlock(cleo.memberId);
  assert.equal((await whoami(cleo.token)).status, 200);
  await fixture.members.lock(cleo.memberId);
  assert.equal((await fixture.request("POST", "/v3/logout", { token: cleo.token })).status, 200);
  assert.equal((await whoami(cleo.token)).body.errcode, "M_UNKNOWN_TOKEN");
});

test("after a refresh the old pair serves until the new one is used", async () => {
  const first = await loginRefreshing(await fixture.user("dora"));
  const lost = await refresh(first.refresh_token);
  assert.equal(lost.status, 200);
  assert.ok(lost.body.expires_in_ms > 0);
  // The answer got lost: the client asks again with what it has.
  assert.equal((await whoami(first.access_token)).status, 200);
  const second = (await refresh(first.refresh_token)).body;
  const me = await whoami(second.access_token);
  assert.equal(me.status, 200);
  // The write that ends the old pair is queued behind the answer: the next write is behind it too.
  await fixture.members.renameDevice(1, "none", null);
  assert.equal((await whoami(first.access_token)).status, 401);
  const late = await refresh(first.refresh_token);
  assert.deepEqual([late.status, late.body.errcode, late.guess], [401, "M_UNKNOWN_TOKEN", "failed"]);
});

test("an unknown refresh token is refused, a missing one is a bad request", async () => {
  const unknown = await refresh("brt_nonsense");
  assert.deepEqual(
    [unknown.status, unknown.body.errcode, unknown.body.soft_logout],
    [401, "M_UNKNOWN_TOKEN", false],
  );
  assert.equal((await refresh(undefined)).body.errcode, "M_MISSING_PARAM");
  assert.equal((await refresh(5)).body.errcode, "M_BAD_JSON");
});

test("devices can be listed, looked at and named", async () => {
  const emil = await fixture.user("emil", { deviceId: "DESK" });
  const other = await fixture.user("ben");
  const as = { token: emil.token, address: "2001:db8::7" };
  fixture.clock.now += 5 * 60 * 1000;
  await fixture.request("PUT", "/v3/devices/DESK", { ...as, body: { display_name: "Desk" } });
  // No name given: it stays.
  assert.deepEqual((await fixture.request("PUT", "/v3/devices/DESK", { ...as, body: {} })).body, {});
  const device = { device_id: "DESK", display_name: "Desk", last_seen_ip: "2001:db8::7" };
  const found = await fixture.request("GET", "/v3/devices/DESK", as);
  assert.deepEqual(found.body, { ...device, last_seen_ts: fixture.clock.now });
  const list = await fixture.request("GET", "/v3/devices", as);
  assert.deepEqual(list.body, { devices: [found.body] });

  for (const method of ["GET", "PUT"]) {
    const options = { token: other.token, ...(method === "PUT" && { body: { display_name: "Mine" } }) };
    const foreign = await fixture.request(method, "/v3/devices/DESK", options);
    assert.deepEqual([foreign.status, foreign.body.errcode], [404, "M_NOT_FOUND"]);
  }
  const long = await fixture.request("PUT", "/v3/devices/DESK", {
    ...as,
    body: { display_name: "x".repeat(300) },
  });
  assert.equal(long.body.errcode, "M_INVALID_PARAM");
});

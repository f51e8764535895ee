import assert from "node:assert/strict";
import { after, test } from "node:test";
import { appCode } from "../../../support/app-code.ts";
import { createFixture, ownerName, password, type User } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());

const byPassword = (rest: object = {}): object => ({ type: "m.login.password", password, ...rest });
const deleteDevice = (user: User, deviceId: string, auth?: object) =>
  fixture.request("DELETE", `/v3/devices/${deviceId}`, {
    token: user.token,
    body: auth ? { auth } : undefined,
  });
const post = (user: User, path: string, body: unknown) =>
  fixture.request("POST", path, { token: user.token, body });
const deviceIds = (user: User): string[] =>
  fixture.members.devices(user.memberId).map(({ deviceId }) => deviceId);

test("a device goes only with the password, and its token with it", async () => {
  const ada = await fixture.user("ada");
  const lost = await fixture.user("ada", { deviceId: "LOST" });
  const challenge = await deleteDevice(ada, "LOST");
  assert.equal(challenge.status, 401);
  assert.deepEqual(challenge.body.flows, [{ stages: ["m.login.password"] }]);
  assert.equal(challenge.body.errcode, undefined);

  const { session } = challenge.body;
  const wrong = await deleteDevice(ada, "LOST", byPassword({ session, password: "wrong" }));
  assert.deepEqual([wrong.status, wrong.body.errcode, wrong.body.completed], [401, "M_FORBIDDEN", []]);
  assert.deepEqual([wrong.body.session, wrong.guess], [session, "failed"]);
  assert.ok(deviceIds(ada).includes("LOST"));

  const identifier = { type: "m.id.user", user: "ada" };
  const right = await deleteDevice(ada, "LOST", byPassword({ session, identifier }));
  assert.deepEqual([right.status, right.body, right.guess], [200, {}, "ok"]);
  assert.equal((await post(lost, "/v3/logout", {})).body.errcode, "M_UNKNOWN_TOKEN");
  // Removed before is removed.
  assert.equal((await deleteDevice(ada, "LOST", byPassword())).status, 200);
});

test("with a second factor the password does not do: there is the account page, and its yes for new keys", async () => {
  const eve = await fixture.user("eve");
  await fixture.user("eve", { deviceId: "OLD" });
  const keys = (seed: string): object => {
    const key = Buffer.alloc(32, seed).toString("base64").replace(/=+$/, "");
    return { master_key: { user_id: eve.userId, usage: ["master"], keys: { [`ed25519:${key}`]: key } } };
  };
  const upload = (seed: string, auth?: object) =>
    post(eve, "/v3/keys/device_signing/upload", { ...keys(seed), ...(auth && { auth }) });
  assert.equal((await upload("A")).status, 200);
  const { members, clock } = fixture;
  const { secret } = await members.totp.begin({ via: "device" }, eve.memberId);
  await members.totp.confirm({ via: "device" }, eve.memberId, appCode(secret, clock.now));

  for (const refused of [
    await deleteDevice(eve, "OLD", byPassword()),
    await post(eve, "/v3/delete_devices", { devices: ["OLD"], auth: byPassword() }),
    await post(eve, "/v3/account/password", { new_password: "marble otter thimble", auth: byPassword() }),
    await post(eve, "/v3/account/deactivate", { auth: byPassword() }),
    await post(eve, "/v1/login/get_token", { auth: byPassword() }),
  ]) {
    assert.deepEqual([refused.status, refused.body.errcode], [403, "M_FORBIDDEN"]);
    assert.match(refused.body.error, /^Your password alone does not do: do it on https?:/);
  }
  assert.ok(deviceIds(eve).includes("OLD"));

  const { session, flows, params } = (await upload("B", byPassword())).body;
  assert.deepEqual(flows, [{ stages: ["m.oauth"] }, { stages: ["org.matrix.cross_signing_reset"] }]);
  assert.match(params["m.oauth"].url, /cross-signing-reset$/);
  assert.equal((await upload("B", { type: "m.oauth", session })).status, 401);
  await members.approve(eve.memberId, "cross-signing-reset", 60_000);
  assert.equal((await upload("B", { type: "m.oauth", session })).status, 200);
});

test("no other stage, no missing password and nobody else's password will do", async () => {
  const ada = await fixture.user("ada", { deviceId: "KEPT" });
  await fixture.user("ben");
  const other = { type: "m.id.user", user: "ben" };
  for (const [auth, status] of [
    [{ type: "m.login.dummy" }, 401],
    [{ type: "m.login.registration_token", token: await fixture.invite() }, 401],
    [{ type: "m.login.sso" }, 401],
    [{}, 401],
    [byPassword({ password: undefined }), 400],
    [byPassword({ identifier: other }), 403],
    [byPassword({ user: "@ben:burrow.localhost" }), 403],
    [byPassword({ user: "@ada:example.org" }), 403],
  ] as const) {
    const deletion = await deleteDevice(ada, "KEPT", auth);
    assert.equal(deletion.status, status, JSON.stringify(auth));
    const deactivation = await post(ada, "/v3/account/deactivate", { auth });
    assert.equal(deactivation.status, status, JSON.stringify(auth));
  }
  assert.ok(deviceIds(ada).includes("KEPT"));
  assert.equal(fixture.members.get(ada.memberId)?.state, "active");
});

test("a session for one operation, or of one member, allows no other", async () => {
  const ada = await fixture.user("ada");
  const cleo = await fixture.user("cleo");
  for (const deviceId of ["ONE", "TWO"]) await fixture.user("ada", { deviceId });
  const { session } = (await deleteDevice(ada, "ONE")).body;
  const { session: foreign } = (await deleteDevice(cleo, "ONE")).body;
  for (const refused of [
    await deleteDevice(ada, "TWO", byPassword({ session })),
    await deleteDevice(ada, "ONE", byPassword({ session: foreign })),
    await deleteDevice(ada, "ONE", byPassword({ session: `9${session}` })),
    await deleteDevice(ada, "ONE", byPassword({ session: "" })),
    await post(ada, "/v3/delete_devices", { devices: ["TWO"], auth: byPassword({ session }) }),
  ]) {
    assert.deepEqual([refused.status, refused.body.errcode, refused.guess], [401, undefined, "none"]);
  }
  assert.ok(deviceIds(ada).includes("ONE") && deviceIds(ada).includes("TWO"));
  const many = { devices: ["ONE", "TWO", "NEVER"] };
  const opened = (await post(ada, "/v3/delete_devices", many)).body.session;
  const done = await post(ada, "/v3/delete_devices", { auth: byPassword({ session: opened }), ...many });
  assert.equal(done.status, 200);
  assert.ok(!deviceIds(ada).includes("ONE") && !deviceIds(ada).includes("TWO"));
});

test("a changed password ends the other sessions, not the one that asks", async () => {
  const dora = await fixture.user("dora");
  const phone = await fixture.user("dora");
  const next = "seven quiet lanterns drift";
  const changed = await post(dora, "/v3/account/password", { new_password: next, auth: byPassword() });
  assert.deepEqual([changed.status, changed.body], [200, {}]);
  assert.deepEqual(deviceIds(dora), [dora.deviceId]);
  assert.equal((await post(phone, "/v3/logout", {})).status, 401);
  assert.equal((await fixture.request("GET", "/v3/account/whoami", { token: dora.token })).status, 200);
  assert.equal(await fixture.members.verifyPassword("dora", password), undefined);
  assert.ok(await fixture.members.verifyPassword("dora", next));
});

test("the other sessions stay where the client says so, and a weak password changes nothing", async () => {
  const emil = await fixture.user("emil");
  const phone = await fixture.user("emil");
  const weak = await post(emil, "/v3/account/password", { new_password: "short", auth: byPassword() });
  assert.deepEqual([weak.status, weak.body.errcode], [400, "M_WEAK_PASSWORD"]);
  const missing = await post(emil, "/v3/account/password", { auth: byPassword() });
  assert.deepEqual([missing.status, missing.body.errcode], [400, "M_MISSING_PARAM"]);
  assert.ok(deviceIds(emil).includes(phone.deviceId));
  const new_password = "seven quiet lanterns drift";
  const body = { new_password, logout_devices: false, auth: byPassword() };
  assert.equal((await post(emil, "/v3/account/password", body)).status, 200);
  assert.ok(deviceIds(emil).includes(phone.deviceId));
});

test("an account ends for good, but not the owner's", async () => {
  const fay = await fixture.user("fay");
  const ended = await post(fay, "/v3/account/deactivate", { auth: byPassword() });
  assert.deepEqual(ended.body, { id_server_unbind_result: "success" });
  assert.equal((await post(fay, "/v3/logout", {})).body.errcode, "M_UNKNOWN_TOKEN");
  const login = { type: "m.login.password", identifier: { type: "m.id.user", user: "fay" }, password };
  assert.equal((await fixture.request("POST", "/v3/login", { body: login })).body.errcode, "M_FORBIDDEN");

  const owner = await fixture.user(ownerName);
  const refused = await post(owner, "/v3/account/deactivate", { auth: byPassword() });
  assert.deepEqual([refused.status, refused.body.errcode], [403, "M_FORBIDDEN"]);
  assert.equal(fixture.members.get(owner.memberId)?.state, "active");
});

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { appCode } from "../../../support/app-code.ts";
import { createFixture, password } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());
const ada = await fixture.user("ada");

const byPassword = (user: string, rest: object = {}): object => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user },
  password,
  ...rest,
});
const login = (body: unknown) => fixture.request("POST", "/v3/login", { body });

test("one signs in by password, or by a token from a device that is signed in", async () => {
  const { body } = await fixture.request("GET", "/v3/login");
  const flows = [{ type: "m.login.password" }, { type: "m.login.token", get_login_token: true }];
  assert.deepEqual(body, { flows });
});

test("a stage of registration signs nobody in", async () => {
  for (const type of ["m.login.dummy", "m.login.registration_token", "m.login.sso"]) {
    for (const secret of [{ password }, { password: undefined, token: await fixture.invite() }]) {
      const answer = await login(byPassword("ada", { type, ...secret }));
      assert.deepEqual([answer.status, answer.body.errcode], [400, "M_UNKNOWN"], type);
    }
  }
});

test("the name may be a localpart or a full id, in any case, and in the old field", async () => {
  for (const name of ["ada", "Ada", "@ada:burrow.localhost", "@ADA:Burrow.localhost"]) {
    const answer = await login(byPassword(name));
    assert.equal(answer.status, 200, name);
    assert.equal(answer.body.user_id, "@ada:burrow.localhost");
    assert.equal(answer.guess, "ok");
  }
  const old = await login({ type: "m.login.password", user: "@ada:burrow.localhost", password });
  assert.equal(old.body.user_id, "@ada:burrow.localhost");
  assert.deepEqual(old.body.well_known, { "m.homeserver": { base_url: "http://burrow.localhost" } });
});

test("wrong, unknown, foreign, empty and deactivated are told apart by nobody", async () => {
  const cleo = await fixture.user("cleo");
  await fixture.members.deactivate(cleo.memberId);
  const expected = await login(byPassword("ada", { password: "wrong" }));
  assert.equal(expected.status, 403);
  assert.equal(expected.body.errcode, "M_FORBIDDEN");
  for (const name of ["nobody", "@ada:example.org", "", "@:burrow.localhost", "cleo"]) {
    const answer = await login(byPassword(name));
    assert.deepEqual([answer.status, answer.body], [403, expected.body], name);
    assert.equal(answer.guess, "failed");
  }
});

test("a suspended member may sign in; a locked one is told so, and only with the right password", async () => {
  const ben = await fixture.user("ben");
  await fixture.members.suspend(ben.memberId);
  assert.equal((await login(byPassword("ben"))).status, 200);
  await fixture.members.lock(ben.memberId);
  const right = await login(byPassword("ben"));
  assert.deepEqual([right.status, right.body.errcode, right.body.soft_logout], [401, "M_USER_LOCKED", true]);
  const wrong = await login(byPassword("ben", { password: "wrong" }));
  assert.deepEqual([wrong.status, wrong.body.errcode], [403, "M_FORBIDDEN"]);
});

test("a token expires only for a client that said it can refresh", async () => {
  const plain = await login(byPassword("ada"));
  assert.equal(plain.body.refresh_token, undefined);
  assert.equal(plain.body.expires_in_ms, undefined);
  const refreshing = await login(byPassword("ada", { refresh_token: true }));
  assert.equal(typeof refreshing.body.refresh_token, "string");
  assert.ok(refreshing.body.expires_in_ms > 0);

  fixture.clock.now += refreshing.body.expires_in_ms + 1;
  const expired = await fixture.request("GET", "/v3/account/whoami", { token: refreshing.body.access_token });
  assert.deepEqual(
    [expired.status, expired.body.errcode, expired.body.soft_logout],
    [401, "M_UNKNOWN_TOKEN", true],
  );
  const lasting = await fixture.request("GET", "/v3/account/whoami", { token: plain.body.access_token });
  assert.equal(lasting.status, 200);
});

test("signing in again on a known device ends its old token and keeps its name", async () => {
  const device = { device_id: "KITCHEN", initial_device_display_name: "Kitchen" };
  const first = (await login(byPassword("ada", device))).body;
  assert.equal(first.device_id, "KITCHEN");
  const second = (await login(byPassword("ada", { ...device, initial_device_display_name: "Other" }))).body;
  const old = await fixture.request("GET", "/v3/account/whoami", { token: first.access_token });
  assert.deepEqual([old.status, old.body.soft_logout], [401, false]);
  const found = await fixture.request("GET", "/v3/devices/KITCHEN", { token: second.access_token });
  assert.equal(found.body.display_name, "Kitchen");
  const me = await fixture.request("GET", "/v3/account/whoami", { token: second.access_token });
  assert.deepEqual(me.body, { user_id: ada.userId, device_id: "KITCHEN", is_guest: false });
});

test("what is not a sign-in is refused by its key, never with a 500", async () => {
  const whole = byPassword("ada");
  for (const [body, errcode] of [
    ["", "M_NOT_JSON"],
    ["{", "M_NOT_JSON"],
    ["[]", "M_BAD_JSON"],
    [{}, "M_MISSING_PARAM"],
    [{ ...whole, password: undefined }, "M_MISSING_PARAM"],
    [{ ...whole, password: 5 }, "M_BAD_JSON"],
    [{ ...whole, identifier: "ada" }, "M_BAD_JSON"],
    [{ ...whole, identifier: { type: "m.id.thirdparty", medium: "email" } }, "M_UNKNOWN"],
    [{ ...whole, identifier: { type: "m.id.user" } }, "M_MISSING_PARAM"],
    [{ ...whole, device_id: "" }, "M_INVALID_PARAM"],
    [{ ...whole, device_id: "x".repeat(300) }, "M_INVALID_PARAM"],
    [{ ...whole, initial_device_display_name: "x".repeat(300) }, "M_INVALID_PARAM"],
    [{ ...whole, refresh_token: "yes" }, "M_BAD_JSON"],
  ] as const) {
    const answer = await login(body);
    assert.deepEqual([answer.status, answer.body.errcode], [400, errcode], JSON.stringify(body));
  }
  assert.deepEqual(fixture.log, []);
});

test("with a second factor, chat is signed in to with an app password for chat, and with no other", async () => {
  const dora = await fixture.user("dora");
  const { members } = fixture;
  const device = { via: "device" } as const;
  const make = async (memberId: number, scope: string) => {
    const request = { memberId, kind: "app-password", name: "", scopes: [scope] } as const;
    return (await members.keys.create(device, request)).secret;
  };
  const chat = await make(dora.memberId, "matrix");
  const wrong = [await make(dora.memberId, "mail"), await make(ada.memberId, "matrix"), "burrow_app_guess"];
  for (const secondFactor of [false, true]) {
    if (secondFactor) {
      const { secret } = await members.totp.begin(device, dora.memberId);
      await members.totp.confirm(device, dora.memberId, appCode(secret, fixture.clock.now));
    }
    const byApp = await login(byPassword("dora", { password: chat }));
    assert.deepEqual([byApp.status, byApp.guess], [200, "ok"]);
    for (const secret of wrong) {
      const answer = await login(byPassword("dora", { password: secret }));
      assert.deepEqual([answer.status, answer.body.errcode, answer.guess], [403, "M_FORBIDDEN", "failed"]);
    }
    const alone = await login(byPassword("dora"));
    assert.deepEqual([alone.status, alone.guess], [secondFactor ? 403 : 200, "ok"]);
    if (secondFactor) assert.match(alone.body.error, /app password/);
  }
  const unknown = await login(byPassword("dora", { password: "wrong" }));
  assert.equal(unknown.body.error, "The user name or the password is wrong.");
  assert.equal((await login(byPassword("ada"))).status, 200);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, password, type User } from "../fixture.ts";
import { pusherBody } from "./gateway-stand.ts";

const url = "https://push.example.org/_matrix/push/v1/notify";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture();
});
after(() => fixture.close());

const set = (user: User, more: object = {}) =>
  fixture.request("POST", "/v3/pushers/set", { token: user.token, body: pusherBody(url, more) });
async function keysOf(user: User): Promise<string[]> {
  const { body } = await fixture.request("GET", "/v3/pushers", { token: user.token });
  return (body.pushers as { pushkey: string }[]).map(({ pushkey }) => pushkey);
}
const auth = (name: string) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user: name },
  password,
});

test("a pusher is set, changed, listed as it was set, and deleted", async () => {
  const ada = await fixture.user("ada");
  const data = { url, format: "event_id_only", default_payload: { aps: { "mutable-content": 1 } } };
  assert.deepEqual((await set(ada, { data, profile_tag: "tag" })).body, {});
  const list = await fixture.request("GET", "/v3/pushers", { token: ada.token });
  const { append: _, ...shown } = { ...pusherBody(url, { data, profile_tag: "tag" }), append: undefined };
  assert.deepEqual(list.body, { pushers: [shown] });

  await set(ada, { lang: "de" });
  const changed = await fixture.request("GET", "/v3/pushers", { token: ada.token });
  assert.deepEqual(
    changed.body.pushers.map((pusher: { lang: string }) => pusher.lang),
    ["de"],
  );
  const gone = { app_id: "org.example.app", pushkey: "key", kind: null };
  for (let times = 0; times < 2; times += 1) {
    const reply = await fixture.request("POST", "/v3/pushers/set", { token: ada.token, body: gone });
    assert.deepEqual([reply.status, reply.body], [200, {}]);
  }
  assert.deepEqual(await keysOf(ada), []);
});

test("what cannot be pushed to is refused and changes nothing", async () => {
  const ada = await fixture.user("ada");
  const refused: [more: object, errcode: string][] = [
    [{ kind: undefined }, "M_MISSING_PARAM"],
    [{ kind: "email" }, "M_INVALID_PARAM"],
    [{ kind: 7 }, "M_BAD_JSON"],
    [{ app_id: undefined }, "M_MISSING_PARAM"],
    [{ app_id: "x".repeat(65) }, "M_INVALID_PARAM"],
    [{ pushkey: "é".repeat(257) }, "M_INVALID_PARAM"],
    [{ pushkey: "" }, "M_INVALID_PARAM"],
    [{ lang: undefined }, "M_MISSING_PARAM"],
    [{ data: undefined }, "M_MISSING_PARAM"],
    [{ data: [] }, "M_BAD_JSON"],
    [{ data: {} }, "M_MISSING_PARAM"],
    [{ data: { url, more: "x".repeat(9000) } }, "M_TOO_LARGE"],
    [{ app_display_name: "x".repeat(256) }, "M_INVALID_PARAM"],
    [{ append: "yes" }, "M_BAD_JSON"],
    ...[
      "http://push.example.org/_matrix/push/v1/notify",
      "https://push.example.org/",
      "https://push.example.org/_matrix/push/v1/notify/more",
      "https://ada:secret@push.example.org/_matrix/push/v1/notify",
      "https://push.example.org:8443/_matrix/push/v1/notify",
      "https://127.0.0.1/_matrix/push/v1/notify",
      "https://192.168.1.1/_matrix/push/v1/notify",
      "https://printer.local/_matrix/push/v1/notify",
      "http://127.0.0.1:8080/_matrix/push/v1/notify",
      "nonsense",
    ].map((bad): [object, string] => [{ data: { url: bad } }, "M_INVALID_PARAM"]),
  ];
  for (const [more, errcode] of refused) {
    const reply = await set(ada, more);
    assert.equal(reply.body.errcode, errcode, JSON.stringify(more));
    assert.ok(reply.status === 400 || reply.status === 413);
  }
  assert.deepEqual(await keysOf(ada), []);
});

test("a member has fifty pushers at most", async () => {
  const ella = await fixture.user("ella");
  for (let index = 0; index < 50; index += 1) await set(ella, { pushkey: `key${index}` });
  const reply = await set(ella, { pushkey: "one more" });
  assert.deepEqual([reply.status, reply.body.errcode], [400, "M_LIMIT_EXCEEDED"]);
  assert.equal((await set(ella, { pushkey: "key7" })).status, 200, "one that is there may change");
  assert.equal((await keysOf(ella)).length, 50);
});

test("a phone that changes hands rings for its new owner alone, unless they share it", async () => {
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  await set(ada, { pushkey: "phone" });
  await set(ben, { pushkey: "phone", append: true });
  assert.deepEqual([await keysOf(ada), await keysOf(ben)], [["phone"], ["phone"]]);
  await set(ben, { pushkey: "phone" });
  assert.deepEqual([await keysOf(ada), await keysOf(ben)], [[], ["phone"]]);
});

test("a pusher goes with the session that set it, and no sooner", async () => {
  const phone = await fixture.user("cleo", { deviceId: "PHONE" });
  const laptop = await fixture.user("cleo", { deviceId: "LAPTOP" });
  await set(phone, { pushkey: "phone" });
  await set(laptop, { pushkey: "laptop" });
  const change = { new_password: password, auth: auth("cleo") };
  const changed = await fixture.request("POST", "/v3/account/password", {
    token: laptop.token,
    body: change,
  });
  assert.equal(changed.status, 200);
  assert.deepEqual(await keysOf(laptop), ["laptop"]);

  const again = await fixture.user("cleo", { deviceId: "PHONE" });
  await set(again, { pushkey: "phone" });
  await fixture.request("POST", "/v3/logout", { token: again.token });
  assert.deepEqual(await keysOf(laptop), ["laptop"]);

  // Signing in anew on the same device ends its token, and so what that has set.
  const login = { ...auth("cleo"), device_id: "LAPTOP" };
  const signedIn = await fixture.request("POST", "/v3/login", { body: login });
  const renewed = { ...laptop, token: signedIn.body.access_token as string };
  assert.deepEqual(await keysOf(renewed), []);

  await set(renewed, { pushkey: "laptop" });
  await fixture.request("POST", "/v3/account/deactivate", {
    token: renewed.token,
    body: { auth: auth("cleo") },
  });
  assert.deepEqual(fixture.matrix.pushers.of(laptop.userId), []);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture();
});
after(() => fixture.close());

const identity = (user: User, more: object = {}) => ({
  user_id: user.userId,
  device_id: user.deviceId,
  algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
  keys: { [`curve25519:${user.deviceId}`]: "c", [`ed25519:${user.deviceId}`]: "e" },
  signatures: { [user.userId]: { [`ed25519:${user.deviceId}`]: "s" } },
  ...more,
});
const oneTime = (...ids: string[]) =>
  Object.fromEntries(
    ids.map((id) => [`signed_curve25519:${id}`, { key: `key ${id}`, signatures: { any: { one: "s" } } }]),
  );
const upload = (user: User, body: unknown) =>
  fixture.request("POST", "/v3/keys/upload", { token: user.token, body });
const query = (user: User, body: unknown) =>
  fixture.request("POST", "/v3/keys/query", { token: user.token, body });
const claim = async (user: User, from: User, algorithm = "signed_curve25519") => {
  const { body } = await fixture.request("POST", "/v3/keys/claim", {
    token: user.token,
    body: { one_time_keys: { [from.userId]: { [from.deviceId]: algorithm } } },
  });
  return body.one_time_keys[from.userId]?.[from.deviceId];
};

test("device keys are published with the device's name, and only to those who ask for that device", async () => {
  const ada = await fixture.user("ada", { deviceId: "ADAPHONE" });
  const ben = await fixture.user("ben");
  const reply = await upload(ada, { device_keys: identity(ada, { unsigned: { forged: true } }) });
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { one_time_key_counts: { signed_curve25519: 0 } });
  const nameless = await query(ben, { device_keys: { [ada.userId]: [] } });
  assert.deepEqual(nameless.body.device_keys[ada.userId], { ADAPHONE: identity(ada) });
  await fixture.members.renameDevice(ada.memberId, ada.deviceId, "Ada's phone");
  const expected = { ADAPHONE: { ...identity(ada), unsigned: { device_display_name: "Ada's phone" } } };
  const all = await query(ben, { device_keys: { [ada.userId]: [] } });
  assert.deepEqual(all.body.failures, {});
  assert.deepEqual(all.body.device_keys, { [ada.userId]: expected });
  const one = await query(ben, { device_keys: { [ada.userId]: ["ADAPHONE", "OTHER"] } });
  assert.deepEqual(one.body.device_keys[ada.userId], expected);
  const other = await query(ben, { device_keys: { [ada.userId]: ["OTHER"] } });
  assert.deepEqual(other.body.device_keys[ada.userId], {});
});

test("the unknown and the keyless look alike", async () => {
  const keyless = await fixture.user("keyless");
  const stranger = "@nobody:burrow.localhost";
  const { status, body } = await query(keyless, { device_keys: { [keyless.userId]: [], [stranger]: [] } });
  assert.equal(status, 200);
  assert.deepEqual(body.device_keys, { [keyless.userId]: {}, [stranger]: {} });
});

test("keys for another user or device, and half a set of keys, are refused", async () => {
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  for (const keys of [
    identity(ben),
    identity(ada, { device_id: "OTHER" }),
    identity(ada, { user_id: undefined }),
    identity(ada, { algorithms: "all" }),
    identity(ada, { keys: [] }),
    identity(ada, { signatures: 5 }),
    "keys",
  ]) {
    assert.equal((await upload(ada, { device_keys: keys })).status, 400, JSON.stringify(keys));
  }
  const half = await upload(ada, { device_keys: { user_id: ada.userId, device_id: ada.deviceId } });
  assert.equal(half.body.errcode, "M_BAD_JSON");
  const { body } = await query(ben, { device_keys: { [ada.userId]: [ada.deviceId] } });
  assert.deepEqual(body.device_keys[ada.userId], {});
});

test("a query whose devices are not a list is refused", async () => {
  const ada = await fixture.user("ada");
  for (const devices of [{ ADAPHONE: [] }, "ADAPHONE", [5], null]) {
    const reply = await query(ada, { device_keys: { [ada.userId]: devices } });
    assert.equal(reply.status, 400);
    assert.equal(reply.body.errcode, "M_BAD_JSON");
  }
  assert.equal((await query(ada, {})).body.errcode, "M_MISSING_PARAM");
});

test("one-time keys are given out once each, in the order of upload, then the fallback key again and again", async () => {
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const { deviceKeys } = fixture.matrix;
  await upload(ada, { one_time_keys: oneTime("zz") });
  const { body } = await upload(ada, {
    one_time_keys: oneTime("bb"),
    fallback_keys: { "signed_curve25519:ff": { key: "fallback", fallback: true, signatures: {} } },
  });
  assert.deepEqual(body.one_time_key_counts, { signed_curve25519: 2 });
  assert.deepEqual(deviceKeys.unusedFallbackTypes(ada.userId, ada.deviceId), ["signed_curve25519"]);

  assert.deepEqual(Object.keys(await claim(ben, ada)), ["signed_curve25519:zz"]);
  assert.deepEqual(Object.keys(await claim(ben, ada)), ["signed_curve25519:bb"]);
  assert.deepEqual(deviceKeys.counts(ada.userId, ada.deviceId), { signed_curve25519: 0 });
  for (let again = 0; again < 2; again += 1) {
    assert.deepEqual(await claim(ben, ada), {
      "signed_curve25519:ff": { key: "fallback", fallback: true, signatures: {} },
    });
    assert.deepEqual(deviceKeys.unusedFallbackTypes(ada.userId, ada.deviceId), []);
  }
  await upload(ada, {
    fallback_keys: { "signed_curve25519:ff": { key: "fallback", fallback: true, signatures: {} } },
  });
  assert.deepEqual(deviceKeys.unusedFallbackTypes(ada.userId, ada.deviceId), [], "a repeat is no new key");
  await upload(ada, { fallback_keys: { "signed_curve25519:gg": { key: "new", fallback: true } } });
  assert.deepEqual(deviceKeys.unusedFallbackTypes(ada.userId, ada.deviceId), ["signed_curve25519"]);
  assert.equal(await claim(ben, ada, "unknown_algorithm"), undefined);
});

test("many claims at once never get the same key", async () => {
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const ids = Array.from({ length: 20 }, (_, index) => `k${index}`);
  await upload(ada, { one_time_keys: oneTime(...ids) });
  const claimed = await Promise.all(Array.from({ length: 30 }, () => claim(ben, ada)));
  const keys = claimed.filter((key) => key !== undefined).map((key) => Object.keys(key)[0]);
  assert.equal(keys.length, 20);
  assert.equal(new Set(keys).size, 20);
});

test("a key id keeps its key: the same again is fine, another is refused and nothing of it kept", async () => {
  const ada = await fixture.user("ada");
  await upload(ada, { one_time_keys: oneTime("a") });
  const signedAnew = {
    "signed_curve25519:a": { key: "key a", signatures: { any: { one: "other" } } },
    ...oneTime("b"),
  };
  const repeated = await upload(ada, { one_time_keys: signedAnew });
  assert.equal(repeated.status, 200);
  assert.deepEqual(repeated.body.one_time_key_counts, { signed_curve25519: 2 });
  const clash = await upload(ada, {
    one_time_keys: { ...oneTime("c"), "signed_curve25519:a": { key: "x" } },
  });
  assert.equal(clash.status, 400);
  assert.equal(clash.body.errcode, "M_INVALID_PARAM");
  assert.deepEqual(fixture.matrix.deviceKeys.counts(ada.userId, ada.deviceId), { signed_curve25519: 2 });
  for (const keys of [{ nocolon: "k" }, { "alg:": "k" }, { "alg:id": 5 }, { "alg:id": 1.5 }, "keys", []]) {
    assert.equal((await upload(ada, { one_time_keys: keys })).status, 400, JSON.stringify(keys));
  }
});

test("a key that was given out does not come back when its upload is repeated; another key of its name does", async () => {
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  await upload(ada, { one_time_keys: oneTime("a", "b") });
  assert.deepEqual(Object.keys(await claim(ben, ada)), ["signed_curve25519:a"]);
  // The answer to the first one did not arrive.
  const again = await upload(ada, { one_time_keys: oneTime("a", "b") });
  assert.deepEqual([again.status, again.body.one_time_key_counts], [200, { signed_curve25519: 1 }]);
  assert.deepEqual(Object.keys(await claim(ben, ada)), ["signed_curve25519:b"]);
  assert.equal(await claim(ben, ada), undefined);
  // A client that lost its memory counts from the beginning.
  await upload(ada, { one_time_keys: { "signed_curve25519:a": { key: "another", signatures: {} } } });
  assert.equal((await claim(ben, ada))["signed_curve25519:a"].key, "another");
});

test("a device that signs out takes its keys with it, at once; signing in again keeps them", async () => {
  const ada = await fixture.user("ada", { deviceId: "OLD" });
  const ben = await fixture.user("ben");
  await upload(ada, {
    device_keys: identity(ada),
    one_time_keys: oneTime("a"),
    fallback_keys: { "signed_curve25519:f": { key: "f" } },
  });
  const again = await fixture.user("ada", { deviceId: "OLD" });
  const asked = { device_keys: { [ada.userId]: ["OLD"] } };
  assert.deepEqual(Object.keys((await query(ben, asked)).body.device_keys[ada.userId]), ["OLD"]);
  assert.ok(await claim(ben, again));

  assert.equal((await fixture.request("POST", "/v3/logout", { token: again.token })).status, 200);
  assert.deepEqual((await query(ben, asked)).body.device_keys[ada.userId], {});
  assert.equal(await claim(ben, again), undefined);
  const anew = await fixture.user("ada", { deviceId: "OLD" });
  assert.deepEqual((await query(ben, asked)).body.device_keys[ada.userId], {});
  assert.deepEqual(fixture.matrix.deviceKeys.counts(anew.userId, "OLD"), { signed_curve25519: 0 });
  assert.deepEqual(fixture.matrix.deviceKeys.unusedFallbackTypes(anew.userId, "OLD"), []);
});

test("keys that are left behind of a device that is gone are not given out", async () => {
  const ada = await fixture.user("ada");
  const { database } = fixture.matrix;
  await database.write(() => {
    database.prepare("INSERT INTO device_keys (user, device, keys) VALUES (?, 'GONE', '{}')").run(ada.userId);
    database
      .prepare(
        `INSERT INTO one_time_keys (user, device, algorithm, key_id, key)
         VALUES (?, 'GONE', 'signed_curve25519', 'a', '{}')`,
      )
      .run(ada.userId);
  });
  const { body } = await query(ada, { device_keys: { [ada.userId]: ["GONE"] } });
  assert.deepEqual(body.device_keys[ada.userId], {});
  assert.equal(await claim(ada, { ...ada, deviceId: "GONE" }), undefined);
});

test("device ids that mean something to JavaScript are only names", async () => {
  const ada = await fixture.user("ada", { deviceId: "__proto__" });
  const ben = await fixture.user("ben");
  await upload(ada, { device_keys: identity(ada), one_time_keys: oneTime("a") });
  const text = JSON.stringify((await query(ben, { device_keys: { [ada.userId]: [] } })).body);
  assert.match(text, /"__proto__":\{/);
  const claimed = await fixture.request("POST", "/v3/keys/claim", {
    token: ben.token,
    body: `{"one_time_keys":{"${ada.userId}":{"__proto__":"signed_curve25519"}}}`,
  });
  assert.match(JSON.stringify(claimed.body), /key a/);
});

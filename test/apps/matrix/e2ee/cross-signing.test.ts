import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { after, before, test } from "node:test";
import { signedText } from "../../../../origin/apps/matrix/e2ee/signed-json.ts";
import type { JsonObject } from "../../../../origin/apps/matrix/events/event.ts";
import { createFixture, type Fixture, password, type User } from "../fixture.ts";
import { makeRoom } from "../users/rooms.ts";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture();
});
after(() => fixture.close());

interface Signer {
  readonly publicKey: string;
  readonly secret: KeyObject;
}

function makeSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    publicKey: Buffer.from(x, "base64url").toString("base64").replace(/=+$/, ""),
    secret: privateKey,
  };
}

/** The object with one signature more. */
function signedBy(object: JsonObject, userId: string, name: string, signer: Signer): JsonObject {
  const signature = sign(null, Buffer.from(signedText(object)), signer.secret).toString("base64");
  const signatures = (object["signatures"] ?? {}) as Record<string, JsonObject>;
  const mine = { ...signatures[userId], [`ed25519:${name}`]: signature.replace(/=+$/, "") };
  return { ...object, signatures: { ...signatures, [userId]: mine } };
}

/** A member with a device that has published keys, and three cross-signing keys that are not uploaded yet. */
async function person(name: string) {
  const user = await fixture.user(name);
  const [device, master, selfSigning, userSigning] = [makeSigner(), makeSigner(), makeSigner(), makeSigner()];
  const { userId, deviceId } = user;
  const deviceKeys = signedBy(
    {
      user_id: userId,
      device_id: deviceId,
      algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
      keys: { [`ed25519:${deviceId}`]: device.publicKey, [`curve25519:${deviceId}`]: "c" },
    },
    userId,
    deviceId,
    device,
  );
  const key = (usage: string, { publicKey }: Signer): JsonObject => ({
    user_id: userId,
    usage: [usage],
    keys: { [`ed25519:${publicKey}`]: publicKey },
  });
  const post = (path: string, body: unknown) => fixture.request("POST", path, { token: user.token, body });
  assert.equal((await post("/v3/keys/upload", { device_keys: deviceKeys })).status, 200);
  const masterKey = key("master", master);
  return {
    ...user,
    device,
    master,
    selfSigning,
    userSigning,
    deviceKeys,
    masterKey,
    key,
    post,
    keys: {
      master_key: masterKey,
      self_signing_key: signedBy(key("self_signing", selfSigning), userId, master.publicKey, master),
      user_signing_key: signedBy(key("user_signing", userSigning), userId, master.publicKey, master),
    },
  };
}

const signingPath = "/v3/keys/device_signing/upload";
const query = async (reader: User, of: User) =>
  (
    await fixture.request("POST", "/v3/keys/query", {
      token: reader.token,
      body: { device_keys: { [of.userId]: [] } },
    })
  ).body;

test("the first keys need no password, nor do the same again; others do", async () => {
  const ada = await person("ada");
  const ben = await person("ben");
  await makeRoom(fixture, ada, ben);
  const since = fixture.matrix.stream.current();
  assert.equal((await ada.post(signingPath, ada.keys)).status, 200);
  assert.deepEqual(fixture.matrix.deviceLists.changes(ben.userId, since).changed, [ada.userId]);
  const later = fixture.matrix.stream.current();
  assert.equal((await ada.post(signingPath, ada.keys)).status, 200);
  assert.equal(fixture.matrix.stream.current(), later, "the same keys again are no change");

  const own = await query(ada, ada);
  assert.deepEqual(own.master_keys, { [ada.userId]: ada.keys.master_key });
  assert.deepEqual(own.user_signing_keys, { [ada.userId]: ada.keys.user_signing_key });
  const others = await query(ben, ada);
  assert.deepEqual(others.self_signing_keys, { [ada.userId]: ada.keys.self_signing_key });
  assert.deepEqual(others.user_signing_keys, {}, "whom one signs with is one's own business");
  assert.deepEqual((await query(ada, ben)).master_keys, {});

  const next = (await person("ada")).keys;
  const challenge = await ada.post(signingPath, next);
  assert.equal(challenge.status, 401);
  assert.deepEqual(challenge.body.flows, [{ stages: ["m.login.password"] }]);
  assert.deepEqual((await query(ben, ada)).master_keys, { [ada.userId]: ada.keys.master_key });
  const auth = {
    type: "m.login.password",
    session: challenge.body.session,
    identifier: { type: "m.id.user", user: "ada" },
    password,
  };
  assert.equal((await ada.post(signingPath, { ...next, auth })).status, 200);
  assert.deepEqual((await query(ben, ada)).master_keys, { [ada.userId]: next.master_key });
});

test("of two first uploads at once one wins, the other changes nothing", async () => {
  const cleo = await person("cleo");
  const again = await person("cleo");
  const replies = await Promise.all([cleo.post(signingPath, cleo.keys), again.post(signingPath, again.keys)]);
  assert.deepEqual(
    replies.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 403],
  );
  const winner = replies[0]?.status === 200 ? cleo : again;
  assert.deepEqual((await query(cleo, cleo)).self_signing_keys, {
    [cleo.userId]: winner.keys.self_signing_key,
  });
});

test("keys that do not hold together are refused and nothing of them kept", async () => {
  const dora = await person("dora");
  const other = await person("dora");
  const unsigned = dora.key("self_signing", dora.selfSigning);
  for (const [body, errcode] of [
    [{ self_signing_key: dora.keys.self_signing_key }, "M_MISSING_PARAM"],
    [{ ...dora.keys, self_signing_key: unsigned }, "M_INVALID_SIGNATURE"],
    [{ ...dora.keys, self_signing_key: other.keys.self_signing_key }, "M_INVALID_SIGNATURE"],
    [{ ...dora.keys, user_signing_key: { ...dora.keys.user_signing_key, forged: 1 } }, "M_INVALID_SIGNATURE"],
    [{ master_key: dora.keys.self_signing_key }, "M_INVALID_PARAM"],
    [{ master_key: { ...dora.masterKey, user_id: "@ada:burrow.localhost" } }, "M_INVALID_PARAM"],
    [{ master_key: { ...dora.masterKey, keys: { "ed25519:a": "b" } } }, "M_BAD_JSON"],
    [{ master_key: { ...dora.masterKey, keys: {} } }, "M_BAD_JSON"],
    [{ master_key: { ...dora.masterKey, signatures: { x: null } } }, "M_BAD_JSON"],
    [{ master_key: "key" }, "M_BAD_JSON"],
  ] as const) {
    const reply = await dora.post(signingPath, body);
    assert.equal(reply.status, 400, JSON.stringify(body));
    assert.equal(reply.body.errcode, errcode);
  }
  const { deviceId } = dora;
  const named = { ...dora.masterKey, keys: { [`ed25519:${deviceId}`]: deviceId } };
  assert.equal((await dora.post(signingPath, { master_key: named })).status, 403);
  assert.deepEqual((await query(dora, dora)).master_keys, {});
});

test("signatures on one's own device and master key show to everyone, once they are true", async () => {
  const emil = await person("emil");
  const fay = await person("fay");
  await makeRoom(fixture, emil, fay);
  await emil.post(signingPath, emil.keys);
  const { userId, deviceId } = emil;
  const device = signedBy(emil.deviceKeys, userId, emil.selfSigning.publicKey, emil.selfSigning);
  const master = signedBy(emil.masterKey, userId, deviceId, emil.device);
  const since = fixture.matrix.stream.current();
  const reply = await emil.post("/v3/keys/signatures/upload", {
    [userId]: { [deviceId]: device, [emil.master.publicKey]: master },
  });
  assert.deepEqual(reply.body, { failures: {} });
  assert.deepEqual(fixture.matrix.deviceLists.changes(fay.userId, since).changed, [userId]);
  const seen = await query(fay, emil);
  assert.deepEqual(seen.device_keys[userId][deviceId], device);
  assert.deepEqual(seen.master_keys[userId], master);

  const forged = signedBy(emil.deviceKeys, userId, emil.selfSigning.publicKey, makeSigner());
  const changed = signedBy(
    { ...emil.deviceKeys, algorithms: [] },
    userId,
    emil.selfSigning.publicKey,
    emil.selfSigning,
  );
  for (const key of [forged, changed, emil.deviceKeys]) {
    const { body } = await emil.post("/v3/keys/signatures/upload", { [userId]: { [deviceId]: key } });
    assert.equal(body.failures[userId][deviceId].errcode, "M_INVALID_SIGNATURE");
  }
  const missing = await emil.post("/v3/keys/signatures/upload", { [userId]: { NONE: device } });
  assert.equal(missing.body.failures[userId].NONE.errcode, "M_NOT_FOUND");
  assert.deepEqual(await query(fay, emil), seen);
});

test("a signature on another's master key shows to its signer alone, whose devices hear of it", async () => {
  const gus = await person("gus");
  const hal = await person("hal");
  const ida = await person("ida");
  await makeRoom(fixture, gus, hal, ida);
  await gus.post(signingPath, gus.keys);
  await hal.post(signingPath, hal.keys);
  const since = fixture.matrix.stream.current();
  const signed = signedBy(hal.masterKey, gus.userId, gus.userSigning.publicKey, gus.userSigning);
  const body = { [hal.userId]: { [hal.master.publicKey]: signed } };
  assert.deepEqual((await gus.post("/v3/keys/signatures/upload", body)).body, { failures: {} });
  assert.deepEqual(fixture.matrix.deviceLists.changes(gus.userId, since).changed, [hal.userId]);
  for (const user of [hal, ida]) {
    assert.deepEqual(fixture.matrix.deviceLists.changes(user.userId, since).changed, []);
    assert.deepEqual((await query(user, hal)).master_keys[hal.userId], hal.masterKey);
  }
  assert.deepEqual((await query(gus, hal)).master_keys[hal.userId], signed);

  const device = signedBy(hal.deviceKeys, gus.userId, gus.userSigning.publicKey, gus.userSigning);
  const refused = await gus.post("/v3/keys/signatures/upload", { [hal.userId]: { [hal.deviceId]: device } });
  assert.equal(refused.body.failures[hal.userId][hal.deviceId].errcode, "M_NOT_FOUND");
});

test("signatures end with the device, or with the key, that they were made by or about", async () => {
  const jan = await person("jan");
  await jan.post(signingPath, jan.keys);
  const { userId, deviceId } = jan;
  await jan.post("/v3/keys/signatures/upload", {
    [userId]: {
      [deviceId]: signedBy(jan.deviceKeys, userId, jan.selfSigning.publicKey, jan.selfSigning),
      [jan.master.publicKey]: signedBy(jan.masterKey, userId, deviceId, jan.device),
    },
  });
  const other = await fixture.user("jan");
  assert.equal((await fixture.request("POST", "/v3/logout", { token: jan.token })).status, 200);
  const seen = await query(other, jan);
  assert.deepEqual(seen.device_keys[userId], {});
  assert.deepEqual(seen.master_keys[userId], jan.masterKey);

  const again = await fixture.user("jan", { deviceId });
  await fixture.request("POST", "/v3/keys/upload", {
    token: again.token,
    body: { device_keys: jan.deviceKeys },
  });
  assert.deepEqual((await query(other, jan)).device_keys[userId][deviceId], jan.deviceKeys);
});

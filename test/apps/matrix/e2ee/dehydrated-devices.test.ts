import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, password, type Reply, type User } from "../fixture.ts";
import { makeRoom } from "../users/rooms.ts";

let fixture: Fixture;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ben = await fixture.user("ben");
});
after(() => fixture.close());

const path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
const data = { algorithm: "org.matrix.msc3814.v2", device_pickle: "p", nonce: "n" };

/** What a client uploads for a dehydrated device of the user. */
const upload = (user: User, deviceId: string, more: object = {}) => ({
  device_id: deviceId,
  device_data: data,
  initial_device_display_name: "Dehydrated device",
  device_keys: {
    user_id: user.userId,
    device_id: deviceId,
    dehydrated: true,
    algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
    keys: { [`ed25519:${deviceId}`]: "e", [`curve25519:${deviceId}`]: "c" },
    signatures: {},
  },
  one_time_keys: { "signed_curve25519:A": { key: "a" } },
  fallback_keys: { "signed_curve25519:F": { key: "f", fallback: true } },
  ...more,
});
const ask = (user: User, method: string, more = "", body?: unknown): Promise<Reply> =>
  fixture.request(method, `${path}${more}`, { token: user.token, body });
const put = async (user: User, body: unknown): Promise<void> => {
  const reply = await ask(user, "PUT", "", body);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
};
const devicesOf = async (user: User) =>
  (
    await fixture.request("POST", "/v3/keys/query", {
      token: ben.token,
      body: { device_keys: { [user.userId]: [] } },
    })
  ).body.device_keys[user.userId];
async function claim(user: User, deviceId: string): Promise<string | undefined> {
  const { body } = await fixture.request("POST", "/v3/keys/claim", {
    token: ben.token,
    body: { one_time_keys: { [user.userId]: { [deviceId]: "signed_curve25519" } } },
  });
  return Object.keys(body.one_time_keys[user.userId]?.[deviceId] ?? {})[0];
}
let sent = 0;
const send = (user: User, target: string, content: object) =>
  fixture.request("PUT", `/v3/sendToDevice/m.room.encrypted/t${sent++}`, {
    token: ben.token,
    body: { messages: { [user.userId]: { [target]: content } } },
  });

function refused(reply: Reply, status: number, errcode: string): void {
  assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], JSON.stringify(reply.body));
}

test("one a user: others find its keys, the next one takes its place, and nothing of it stays", async () => {
  const ada = await fixture.user("ada", { deviceId: "PHONE" });
  await makeRoom(fixture, ada, ben);
  refused(await ask(ada, "GET"), 404, "M_NOT_FOUND");
  refused(await ask(ada, "DELETE"), 404, "M_NOT_FOUND");
  const since = fixture.matrix.stream.current();
  const made = await ask(ada, "PUT", "", upload(ada, "DRY/1+"));
  assert.deepEqual([made.status, made.body], [200, { device_id: "DRY/1+" }]);
  assert.deepEqual(fixture.matrix.deviceLists.changes(ben.userId, since).changed, [ada.userId]);
  assert.deepEqual((await ask(ada, "GET")).body, { device_id: "DRY/1+", device_data: data });
  assert.deepEqual(await devicesOf(ada), {
    "DRY/1+": {
      ...upload(ada, "DRY/1+").device_keys,
      unsigned: { device_display_name: "Dehydrated device" },
    },
  });
  refused(await ask(ben, "GET"), 404, "M_NOT_FOUND");

  await send(ada, "DRY/1+", { old: true });
  await put(ada, upload(ada, "DRY2"));
  assert.deepEqual(Object.keys(await devicesOf(ada)), ["DRY2"]);
  assert.equal(await claim(ada, "DRY/1+"), undefined);
  refused(await ask(ada, "GET", `/${encodeURIComponent("DRY/1+")}/events`), 403, "M_FORBIDDEN");
  await put(ada, upload(ada, "DRY/1+"));
  const anew = await ask(ada, "GET", `/${encodeURIComponent("DRY/1+")}/events`);
  assert.deepEqual(anew.body, { events: [] }, "not what was sent to the one of this id before");
  await fixture.restart();
  assert.deepEqual((await ask(ada, "DELETE")).body, { device_id: "DRY/1+" });
  assert.deepEqual(await devicesOf(ada), {});
  refused(await ask(ada, "GET"), 404, "M_NOT_FOUND");
});

test("its messages come in pages, in order, to whoever wakes it, and stay until it goes", async () => {
  const cleo = await fixture.user("cleo");
  await put(cleo, upload(cleo, "DRY"));
  for (let n = 0; n < 5; n += 1) await send(cleo, n === 2 ? "*" : "DRY", { n });
  const message = (n: number) => ({ sender: ben.userId, type: "m.room.encrypted", content: { n } });

  // As today's clients read: until there is no next_batch.
  const first = await ask(cleo, "GET", "/DRY/events?limit=2");
  assert.deepEqual(first.body.events, [message(0), message(1)]);
  const second = await ask(cleo, "GET", `/DRY/events?limit=2&from=${first.body.next_batch}`);
  assert.deepEqual(second.body.events, [message(2), message(3)]);
  const last = await ask(cleo, "GET", `/DRY/events?limit=2&from=${second.body.next_batch}`);
  assert.deepEqual(last.body, { events: [message(4)] });
  const exactly = await ask(cleo, "GET", "/DRY/events?limit=5");
  assert.equal(exactly.body.next_batch, undefined);

  // As those of before read: until a page is empty.
  const whole = await ask(cleo, "POST", "/DRY/events");
  assert.deepEqual(whole.body.events, [0, 1, 2, 3, 4].map(message));
  const empty = await ask(cleo, "POST", "/DRY/events", { next_batch: whole.body.next_batch });
  assert.deepEqual(empty.body.events, []);
  assert.equal(typeof empty.body.next_batch, "string");

  const other = await fixture.user("cleo");
  const { body } = await fixture.request("GET", "/v3/sync", { token: other.token });
  assert.equal(body.to_device, undefined);
  await fixture.request("GET", `/v3/sync?since=${body.next_batch}`, { token: other.token });
  assert.equal((await ask(other, "GET", "/DRY/events")).body.events.length, 5, "nothing was taken away");
  for (const token of ["x", "d", "d1x", "5"]) {
    refused(await ask(cleo, "GET", `/DRY/events?from=${token}`), 400, "M_INVALID_PARAM");
    refused(await ask(cleo, "POST", "/DRY/events", { next_batch: token }), 400, "M_INVALID_PARAM");
  }
  refused(await ask(ben, "GET", "/DRY/events"), 403, "M_FORBIDDEN");
  refused(await ask(cleo, "GET", `/${cleo.deviceId}/events`), 403, "M_FORBIDDEN");
});

test("a repeated upload gives no one-time key a second time and loses no message", async () => {
  const dora = await fixture.user("dora");
  await put(dora, upload(dora, "DRY"));
  assert.equal(await claim(dora, "DRY"), "signed_curve25519:A");
  await send(dora, "DRY", { kept: true });
  await put(dora, upload(dora, "DRY"));
  assert.equal(await claim(dora, "DRY"), "signed_curve25519:F", "the fallback key, not the same one again");
  assert.equal((await ask(dora, "GET", "/DRY/events")).body.events.length, 1);
});

test("nobody signs in as it, it is no session of the account, and it outlives all of them", async () => {
  const emil = await fixture.user("emil", { deviceId: "PHONE" });
  await put(emil, upload(emil, "DRY"));
  const login = (device: object) =>
    fixture.request("POST", "/v3/login", {
      body: {
        type: "m.login.password",
        identifier: { type: "m.id.user", user: "emil" },
        password,
        ...device,
      },
    });
  refused(await login({ device_id: "DRY" }), 400, "M_INVALID_PARAM");
  const { body } = await fixture.request("GET", "/v3/devices", { token: emil.token });
  assert.deepEqual(
    body.devices.map((device: { device_id: string }) => device.device_id),
    ["PHONE"],
  );
  refused(await ask(emil, "PUT", "", upload(emil, "PHONE")), 400, "M_INVALID_PARAM");

  assert.equal((await fixture.request("POST", "/v3/logout/all", { token: emil.token })).status, 200);
  await send(emil, "*", { while: "away" });
  assert.deepEqual(Object.keys(await devicesOf(emil)), ["DRY"]);
  const back = { ...emil, token: (await login({})).body.access_token as string };
  assert.equal((await ask(back, "GET", "/DRY/events")).body.events.length, 1);

  const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: "emil" }, password };
  const ended = await fixture.request("POST", "/v3/account/deactivate", {
    token: back.token,
    body: { auth },
  });
  assert.equal(ended.status, 200);
  assert.deepEqual(await devicesOf(emil), {});
});

test("what is no dehydrated device is refused, and the one there is stays", async () => {
  const fay = await fixture.user("fay");
  await put(fay, upload(fay, "DRY"));
  const whole = upload(fay, "OTHER");
  for (const [body, status, errcode] of [
    [{ ...whole, device_id: undefined }, 400, "M_MISSING_PARAM"],
    [{ ...whole, device_id: "" }, 400, "M_INVALID_PARAM"],
    [{ ...whole, device_id: "x".repeat(256) }, 400, "M_INVALID_PARAM"],
    [{ ...whole, device_keys: undefined }, 400, "M_MISSING_PARAM"],
    [{ ...whole, device_keys: upload(fay, "DRY").device_keys }, 400, "M_INVALID_PARAM"],
    [{ ...whole, device_keys: upload(ben, "OTHER").device_keys }, 400, "M_INVALID_PARAM"],
    [{ ...whole, device_data: {} }, 400, "M_MISSING_PARAM"],
    [{ ...whole, device_data: "pickle" }, 400, "M_BAD_JSON"],
    [{ ...whole, device_data: { ...data, device_pickle: "x".repeat(65_536) } }, 413, "M_TOO_LARGE"],
    [{ ...whole, one_time_keys: { nocolon: "k" } }, 400, "M_INVALID_PARAM"],
  ] as const) {
    refused(await ask(fay, "PUT", "", body), status, errcode);
  }
  assert.deepEqual((await ask(fay, "GET")).body.device_id, "DRY");
  assert.deepEqual(Object.keys(await devicesOf(fay)), ["DRY"]);
  assert.equal(await claim(fay, "DRY"), "signed_curve25519:A");
  assert.deepEqual(fixture.log, []);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type Reply, type User } from "../fixture.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
let roomId: string;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
  const made = await fixture.request("POST", "/v3/createRoom", {
    token: ada.token,
    body: { preset: "public_chat", power_level_content_override: { events: { "org.example.state": 0 } } },
  });
  roomId = made.body.room_id;
  await fixture.request("POST", `/v3/rooms/${encodeURIComponent(roomId)}/join`, {
    token: ben.token,
    body: {},
  });
});
after(() => fixture.close());

const unstable = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events";
let transactions = 0;
let keys = 0;

const room = (end: string): string => `/v3/rooms/${encodeURIComponent(roomId)}/${end}`;
const query = (delay: number | string): string => `?org.matrix.msc4140.delay=${delay}`;

const say = (user: User, body: string, delay: number | string, txn = `t${(transactions += 1)}`) =>
  fixture.request("PUT", `${room(`send/m.room.message/${txn}`)}${query(delay)}`, {
    token: user.token,
    body: { msgtype: "m.text", body },
  });
const set = (user: User, key: string, content: object, delay?: number) =>
  fixture.request(
    "PUT",
    `${room(`state/org.example.state/${key}`)}${delay === undefined ? "" : query(delay)}`,
    { token: user.token, body: content },
  );
const stateOf = async (key: string): Promise<Reply> =>
  fixture.request("GET", room(`state/org.example.state/${key}`), { token: ada.token });
const act = (delayId: string, action: string) =>
  fixture.request("POST", `${unstable}/${delayId}/${action}`, { body: {} });
const one = (user: User, delayId: string) =>
  fixture.request("GET", `${unstable}/${delayId}`, { token: user.token });

async function waiting(user: User): Promise<{ delay_id: string }[]> {
  const reply = await fixture.request("GET", unstable, { token: user.token });
  assert.equal(reply.status, 200);
  return reply.body.delayed_events;
}

async function messages(): Promise<string[]> {
  const { body } = await fixture.request("GET", `${room("messages")}?dir=b&limit=100`, { token: ada.token });
  // oxlint-disable-next-line no-explicit-any -- as the server says it
  return body.chunk.flatMap((event: any) => (event.type === "m.room.message" ? [event.content.body] : []));
}

/** Lets time pass and waits for the answer that it has brought about; the timers themselves are the product's. */
async function pass(ms: number): Promise<void> {
  fixture.clock.now += ms;
  // A timer may have been set for the time before: any new event sets it anew.
  const { body } = await say(ada, "nothing", 60_000);
  while (fixture.matrix.delayedEvents.due(fixture.clock.now, 1).length > 0) {
    await new Promise((done) => setImmediate(done));
  }
  await act(body.delay_id, "cancel");
}

test("messages and state wait for their time, and are sent in its order", async () => {
  const before = await messages();
  const later = await say(ada, "second", 2000);
  await say(ada, "first", 1000);
  await set(ben, "k", { by: "ben" }, 1500);
  assert.match(later.body.delay_id, /^[\w-]{20,}$/);
  const list = await waiting(ada);
  assert.equal(list.length, 2);
  assert.deepEqual(list[1], {
    delay_id: later.body.delay_id,
    room_id: roomId,
    type: "m.room.message",
    content: { msgtype: "m.text", body: "second" },
    delay_ms: 2000,
    delayed_since_ts: fixture.clock.now,
    delay: 2000,
    running_since: fixture.clock.now,
  });
  assert.deepEqual([(await waiting(ben)).length, (await stateOf("k")).status], [1, 404]);
  await pass(1500);
  assert.deepEqual((await stateOf("k")).body, { by: "ben" });
  await pass(500);
  assert.deepEqual(await messages(), ["second", "first", ...before]);
  assert.deepEqual([await waiting(ada), await waiting(ben)], [[], []]);
  const { body } = await one(ada, later.body.delay_id);
  assert.match(body.finalised.event_id, /^\$/);
});

test("a repeat with the same transaction id is the same delayed event, with or without its body", async () => {
  const { body } = await say(ada, "once", 5000, "same");
  const bare = await fixture.request("PUT", `${room("send/m.room.message/same")}${query(5000)}`, {
    token: ada.token,
  });
  assert.deepEqual(bare.body, body);
  assert.equal((await waiting(ada)).length, 1);
  await act(body.delay_id, "cancel");
});

test("whoever knows the id can restart, send and cancel, also in the body as of old; each repeat is safe", async () => {
  const restarted = (await set(ada, "r", { n: 1 }, 1000)).body.delay_id;
  fixture.clock.now += 900;
  assert.equal((await act(restarted, "restart")).status, 200);
  await pass(900);
  assert.equal((await stateOf("r")).status, 404);
  await pass(100);
  assert.equal((await stateOf("r")).status, 200);

  const sent = (await set(ada, "s", { n: 1 }, 60_000)).body.delay_id;
  const old = await fixture.request("POST", `${unstable}/${sent}`, { body: { action: "send" } });
  assert.deepEqual([old.status, old.body], [200, {}]);
  assert.equal((await stateOf("s")).status, 200);
  assert.equal((await act(sent, "send")).status, 200);
  assert.deepEqual([(await act(sent, "cancel")).status, (await act(sent, "restart")).status], [409, 409]);

  const cancelled = (await set(ada, "c", { n: 1 }, 60_000)).body.delay_id;
  for (const _ of [1, 2]) assert.equal((await act(cancelled, "cancel")).status, 200);
  assert.equal((await act(cancelled, "send")).status, 409);
  await pass(60_000);
  assert.equal((await stateOf("c")).status, 404);

  for (const action of ["send", "cancel", "restart"]) {
    assert.equal((await act("unknown", action)).body.errcode, "M_NOT_FOUND");
  }
  assert.equal((await act(sent, "oops")).status, 404);
  assert.equal((await fixture.request("POST", `${unstable}/${sent}`, { body: {} })).status, 400);
});

test("nobody sees another's delayed events", async () => {
  const { body } = await say(ada, "mine", 5000);
  assert.equal((await one(ben, body.delay_id)).status, 404);
  assert.equal((await one(ada, body.delay_id)).status, 200);
  assert.equal((await fixture.request("GET", unstable)).status, 401);
  await act(body.delay_id, "cancel");
});

test("state that somebody else sets cancels what waits for the same key; one's own does not", async () => {
  const key = `shared${(keys += 1)}`;
  const adas = (await set(ada, key, { by: "ada, later" }, 5000)).body.delay_id;
  const other = (await set(ada, `${key}x`, { by: "ada, later" }, 5000)).body.delay_id;
  await set(ada, key, { by: "ada, now" });
  assert.equal((await one(ada, adas)).body.finalised, undefined);
  await set(ben, key, { by: "ben" });
  const { finalised } = (await one(ada, adas)).body;
  assert.equal(finalised.error["org.matrix.msc4140.errcode"], "M_CANCELLED_BY_STATE_UPDATE");
  assert.equal((await act(adas, "send")).status, 409);
  assert.equal((await one(ada, other)).body.finalised, undefined);
  await pass(5000);
  assert.deepEqual((await stateOf(key)).body, { by: "ben" });
  assert.equal((await stateOf(`${key}x`)).status, 200);
});

test("the rules are those of the time of sending, and a refusal is kept", async () => {
  const cleo = await fixture.user("cleo");
  const refused = await say(cleo, "not in", 1000);
  assert.equal(refused.status, 403);
  await fixture.request("POST", room("join"), { token: cleo.token, body: {} });
  const first = (await say(cleo, "out by then", 1000)).body.delay_id;
  const second = (await say(cleo, "out by then", 90_000)).body.delay_id;
  await fixture.request("POST", room("leave"), { token: cleo.token, body: {} });
  await pass(1000);
  assert.equal((await one(cleo, first)).body.finalised.error.errcode, "M_FORBIDDEN");
  assert.equal((await act(second, "send")).body.errcode, "M_FORBIDDEN");
  assert.equal((await messages()).includes("out by then"), false);
});

test("who is suspended sends nothing more; who is gone has nothing waiting", async () => {
  const fay = await fixture.user("fay");
  await fixture.request("POST", room("join"), { token: fay.token, body: {} });
  await say(fay, "from a suspended one", 1000);
  const { body } = await say(fay, "from one who is gone", 90_000);
  await fixture.members.suspend(fay.memberId);
  await pass(1000);
  await fixture.members.deactivate(fay.memberId);
  while (fixture.matrix.delayedEvents.find(body.delay_id)) await new Promise((done) => setImmediate(done));
  assert.equal(
    (await messages()).some((text) => text.startsWith("from ")),
    false,
  );
});

test("times and numbers have limits, told as the proposal says", async () => {
  const far = await say(ada, "too far", 24 * 60 * 60 * 1000 + 1);
  assert.deepEqual(
    [
      far.status,
      far.body.errcode,
      far.body["org.matrix.msc4140.errcode"],
      far.body["org.matrix.msc4140.max_delay"],
    ],
    [400, "M_UNKNOWN", "M_MAX_DELAY_EXCEEDED", 86_400_000],
  );
  for (const delay of ["0", "-1", "1.5", "soon", "", "9".repeat(30)]) {
    assert.equal((await say(ada, "odd", delay)).body.errcode, "M_INVALID_PARAM", delay);
  }
  assert.equal((await say(ada, "x".repeat(60_000), 1000)).status, 413);
  assert.deepEqual(await waiting(ada), []);
  for (let index = 0; index < 100; index += 1) await say(ben, `${index}`, 60_000);
  const over = await say(ben, "one too many", 60_000);
  assert.deepEqual(
    [over.status, over.body["org.matrix.msc4140.errcode"]],
    [400, "M_MAX_DELAYED_EVENTS_EXCEEDED"],
  );
  for (const { delay_id: delayId } of await waiting(ben)) await act(delayId, "cancel");
  const { body } = await fixture.request("GET", "/v3/capabilities", { token: ada.token });
  assert.deepEqual(body.capabilities["org.matrix.msc4140.delayed_events"], {
    max_delay_ms: 86_400_000,
    max_scheduled: 100,
  });
});

test("what waits outlives a restart, and what came due meanwhile is sent at once", async () => {
  const before = await messages();
  await say(ada, "due while it was down", 1000);
  const later = (await say(ada, "still to come", 90_000)).body.delay_id;
  await fixture.whileMatrixIsDown(async () => {
    fixture.clock.now += 2000;
  });
  while (fixture.matrix.delayedEvents.due(fixture.clock.now, 1).length > 0) {
    await new Promise((done) => setImmediate(done));
  }
  assert.deepEqual(await messages(), ["due while it was down", ...before]);
  assert.equal((await waiting(ada)).length, 1);
  await act(later, "cancel");
});

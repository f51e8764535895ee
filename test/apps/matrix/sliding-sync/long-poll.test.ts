import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { ask, bodies, everyRoom, type Place, slide } from "./slide.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});

/** Starts a request that waits, and comes back when it does. */
async function waiting(body: object, place: Place, user = ada) {
  let ended = false;
  const answer = ask(chat, user, body, { timeout: 30_000, ...place }).finally(() => (ended = true));
  for (let round = 0; round < 20; round += 1) await turn();
  assert.equal(ended, false, "it should wait");
  return { answer, ended: () => ended };
}
const settle = async (): Promise<void> => {
  for (let round = 0; round < 20; round += 1) await turn();
};
const top = (last: number): object => ({
  lists: { top: { ranges: [[0, last]], timeline_limit: 1, required_state: [] } },
});

test("without time-out or position the answer comes at once, and an empty one keeps the connection", async () => {
  await chat.createRoom(ada, { members: [ben] });
  const first = await slide(chat, ada, everyRoom(), { timeout: 30_000 });
  let { pos } = first;
  for (let round = 0; round < 3; round += 1) {
    const empty = await slide(chat, ada, everyRoom(), { pos, timeout: 0 });
    assert.deepEqual([empty.rooms, empty.extensions], [{}, {}]);
    assert.deepEqual(empty.lists, first.lists);
    pos = empty.pos;
  }
  const late = await slide(chat, ada, everyRoom(), { pos, timeout: 5 });
  assert.deepEqual(late.rooms, {});
});

test("a message ends the wait, and so does a room that moves into the range", async () => {
  const low = await chat.createRoom(ada, { members: [ben] });
  const high = await chat.createRoom(ada, { members: [ben] });
  const { pos } = await slide(chat, ada, top(0));
  const first = await waiting(top(0), { pos });
  await chat.send(ben, high, "hello");
  const answer = (await first.answer).body;
  assert.deepEqual(bodies(answer.rooms[high].timeline), ["hello"]);
  const second = await waiting(top(0), { pos: answer.pos });
  await chat.send(ben, low, "up");
  assert.deepEqual(Object.keys((await second.answer).body.rooms), [low]);
});

test("what does not concern the connection does not end its wait, and is not lost for others", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const encryption = {
    conn_id: "encryption",
    extensions: { to_device: { enabled: true }, e2ee: { enabled: true } },
  };
  const start = await slide(chat, ada, encryption);
  const { pos } = await slide(chat, ada, everyRoom());
  const wait = await waiting(encryption, { pos: start.pos });
  await chat.send(ben, roomId, "not for the encryption loop");
  await settle();
  assert.equal(wait.ended(), false);
  const { rooms } = await slide(chat, ada, everyRoom(), { pos });
  assert.ok(rooms[roomId]);
  await chat.fixture.request("PUT", "/v3/sendToDevice/org.example/1", {
    token: ben.token,
    body: { messages: { [ada.userId]: { "*": { key: 1 } } } },
  });
  const { body } = await wait.answer;
  assert.equal(body.extensions.to_device.events[0].content.key, 1);
});

test("typing, receipts, account data and invitations end it too", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const eventId = await chat.send(ada, roomId, "look");
  const room = `/v3/rooms/${encodeURIComponent(roomId)}`;
  const own = `/v3/user/${encodeURIComponent(ada.userId)}`;
  const body = {
    ...everyRoom(),
    extensions: { typing: { enabled: true }, receipts: { enabled: true }, account_data: { enabled: true } },
  };
  const invited = await chat.createRoom(ben, { joinRule: "invite" });
  const { token } = ben;
  const acts: (() => Promise<unknown>)[] = [
    () =>
      chat.fixture.request("PUT", `${room}/typing/${encodeURIComponent(ben.userId)}`, {
        token,
        body: { typing: true },
      }),
    () => chat.fixture.request("POST", `${room}/receipt/m.read/${eventId}`, { token, body: {} }),
    () => chat.fixture.request("PUT", `${own}/account_data/org.example`, { token: ada.token, body: {} }),
    () => chat.member(ben, invited, "invite", ada),
  ];
  let { pos } = await slide(chat, ada, body);
  for (const act of acts) {
    const wait = await waiting(body, { pos });
    await act();
    const answer = (await wait.answer).body;
    assert.notDeepEqual([answer.rooms, answer.extensions], [{}, {}]);
    const next = await slide(chat, ada, body, { pos: answer.pos });
    assert.deepEqual([next.rooms, next.extensions], [{}, {}], "told once");
    pos = next.pos;
  }
});

test("a pending invitation and a left room do not keep a client asking", async () => {
  const invited = await chat.createRoom(ben, { joinRule: "invite" });
  await chat.member(ben, invited, "invite", ada);
  const left = await chat.createRoom(ben, { members: [ada] });
  await chat.member(ben, left, "leave", ada);
  const { pos } = await slide(chat, ada, everyRoom());
  const wait = await waiting(everyRoom(), { pos });
  await chat.send(ben, invited, "inside");
  await chat.send(ben, left, "inside");
  await settle();
  assert.equal(wait.ended(), false);
  await chat.member(ben, invited, "leave", ada);
  assert.deepEqual(Object.keys((await wait.answer).body.rooms), [invited]);
});

test("more that is asked is answered at once, though nothing happens", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.sendMany(ben, roomId, 5);
  const { pos } = await slide(chat, ada, top(0));
  const subscribed = {
    ...top(0),
    room_subscriptions: { [roomId]: { timeline_limit: 20, required_state: [] } },
  };
  const { rooms } = await slide(chat, ada, subscribed, { pos, timeout: 30_000 });
  assert.equal(rooms[roomId].unstable_expanded_timeline, true);
});

test("a newer request of the connection ends the older one and gets the news", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const { pos } = await slide(chat, ada, everyRoom());
  const old = await waiting(everyRoom(), { pos });
  const newer = await waiting(everyRoom({ timeline_limit: 5 }), { pos });
  const given = (await old.answer).body;
  assert.deepEqual(given.rooms, {});
  await chat.send(ben, roomId, "once");
  assert.deepEqual(bodies((await newer.answer).body.rooms[roomId].timeline), ["once"]);
});

test("a session that ends while it waits is refused", async () => {
  const phone = await chat.fixture.user("ada", { deviceId: "PHONE" });
  const { pos } = await slide(chat, phone, everyRoom());
  const wait = await waiting(everyRoom(), { pos }, phone);
  await chat.fixture.request("POST", "/v3/logout", { token: phone.token, body: {} });
  assert.equal((await wait.answer).status, 401);
});

test("a client that goes away leaves nobody waiting", async () => {
  const { pos } = await slide(chat, ada, everyRoom());
  const gone = new AbortController();
  const wait = await waiting(everyRoom(), { pos, signal: gone.signal });
  gone.abort();
  await wait.answer.catch(() => {});
  assert.ok(wait.ended());
});

test("a device that begins a new session is answered where it asks about encryption, once a session", async () => {
  const room = await chat.createRoom(ada, { members: [ben] });
  const encryption = { conn_id: "encryption", extensions: { e2ee: { enabled: true } } };
  const say = (sessionId: string, user = ada) =>
    chat.fixture.request(
      "PUT",
      `/v3/rooms/${encodeURIComponent(room)}/send/m.room.encrypted/${(said += 1)}`,
      {
        token: user.token,
        body: { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "x", session_id: sessionId },
      },
    );
  let said = 0;
  const { pos } = await slide(chat, ada, encryption);
  const first = await waiting(encryption, { pos });
  await say("one");
  const { body } = await first.answer;
  const second = await waiting(encryption, { pos: body.pos });
  await say("one");
  await say("of ben's", ben);
  await settle();
  assert.equal(second.ended(), false, "nothing to put away");
  await say("two");
  await second.answer;
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { bodies, everyRoom, slide, slideAccepted, stateKeys } from "./slide.ts";

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

const body = everyRoom({
  required_state: [
    ["m.room.member", "$ME"],
    ["m.room.topic", ""],
  ],
});
interface Stripped {
  type: string;
  state_key: string;
  content: { membership?: string };
}
const ownMembership = (events: Stripped[], user: User): string | undefined =>
  events.find((event) => event.type === "m.room.member" && event.state_key === user.userId)?.content
    .membership;

test("an invitation shows stripped state and nothing else, and its place is that of the invitation", async () => {
  const roomId = await chat.createRoom(ada, { name: "Party", joinRule: "invite" });
  await chat.setState(ada, roomId, "org.example.secret", {});
  const start = await slide(chat, ben, body);
  await chat.member(ada, roomId, "invite", ben);
  const first = await slide(chat, ben, body, { pos: start.pos });
  const { invite_state, bump_stamp, ...rest } = first.rooms[roomId];
  assert.deepEqual(rest, { initial: true });
  assert.equal(ownMembership(invite_state, ben), "invite");
  assert.equal(stateKeys(invite_state).includes("org.example.secret/"), false);
  await chat.send(ada, roomId, "not yet for ben");
  const second = await slide(chat, ben, body, { pos: first.pos });
  assert.deepEqual(second.rooms, {});
  const anew = await slide(chat, ben, { ...body, conn_id: "anew" });
  assert.equal(anew.rooms[roomId].bump_stamp, bump_stamp);
  await chat.member(ben, roomId, "join");
  const third = await slide(chat, ben, body, { pos: second.pos });
  assert.equal(third.rooms[roomId].initial, true);
  assert.equal(third.rooms[roomId].invite_state, undefined);
  assert.ok(bodies(third.rooms[roomId].timeline).includes("not yet for ben"), "shared history");
});

test("a knock is stripped state with one's own knock", async () => {
  const roomId = await chat.createRoom(ada, { joinRule: "knock" });
  const start = await slide(chat, ben, body);
  await chat.member(ben, roomId, "knock");
  const { rooms } = await slide(chat, ben, body, { pos: start.pos });
  assert.equal(ownMembership(rooms[roomId].invite_state, ben), "knock");
  const accepted = await slideAccepted(chat, ben, {
    lists: { all: { timeline_limit: 1, required_state: {} } },
  });
  assert.equal(accepted.rooms[roomId].membership, "knock");
  assert.equal(ownMembership(accepted.rooms[roomId].stripped_state, ben), "knock");
});

test("somebody ignored cannot invite", async () => {
  const cleo = await chat.fixture.user("cleo");
  const ignore = `/v3/user/${encodeURIComponent(ben.userId)}/account_data/m.ignored_user_list`;
  const ignored = (users: object) =>
    chat.fixture.request("PUT", ignore, { token: ben.token, body: { ignored_users: users } });
  await ignored({ [cleo.userId]: {} });
  const roomId = await chat.createRoom(cleo);
  const shared = await chat.createRoom(ben, { members: [cleo] });
  const start = await slide(chat, ben, body);
  await chat.member(cleo, roomId, "invite", ben);
  await chat.send(cleo, shared, "unheard");
  await chat.setState(cleo, shared, "m.room.member", { membership: "join", displayname: "C" }, cleo.userId);
  const { rooms, lists } = await slide(chat, ben, body, { pos: start.pos });
  assert.deepEqual(Object.keys(rooms), [shared]);
  assert.deepEqual(stateKeys(rooms[shared].timeline), [`m.room.member/${cleo.userId}`]);
  assert.equal(lists.all.count, start.lists.all.count);
  await ignored({});
});

test("a room that was left shows the leave on the connection that had it, nothing after, and no new connection has it", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const first = await slide(chat, ben, body);
  await chat.setState(ada, roomId, "m.room.topic", { topic: "before" });
  await chat.member(ben, roomId, "leave");
  await chat.send(ada, roomId, "behind his back");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "after" });
  const second = await slide(chat, ben, body, { pos: first.pos });
  const room = second.rooms[roomId];
  assert.equal(ownMembership(room.required_state, ben), "leave");
  assert.equal(JSON.stringify(room).includes("after"), false);
  assert.deepEqual(bodies(room.timeline), []);
  assert.equal(room.timeline.at(-1).content.membership, "leave");
  assert.equal(room.joined_count, undefined);
  await chat.send(ada, roomId, "still");
  const third = await slide(chat, ben, body, { pos: second.pos });
  assert.deepEqual(third.rooms, {});
  assert.equal(third.lists.all.count, second.lists.all.count);
  assert.equal((await slide(chat, ben, { ...body, conn_id: "other" })).rooms[roomId], undefined);
});

test("whoever was kicked or banned sees it, on every connection, whatever state was asked", async () => {
  const kicked = await chat.createRoom(ada, { members: [ben] });
  const banned = await chat.createRoom(ada, { members: [ben] });
  const never = await chat.createRoom(ada);
  await chat.member(ada, never, "ban", ben);
  await chat.member(ada, kicked, "leave", ben);
  await chat.member(ada, banned, "ban", ben);
  await chat.send(ada, kicked, "alone at last");
  const { rooms } = await slide(chat, ben, everyRoom());
  assert.equal(ownMembership(rooms[kicked].required_state, ben), "leave");
  assert.equal(ownMembership(rooms[banned].required_state, ben), "ban");
  assert.equal(rooms[never], undefined);
  assert.equal(JSON.stringify(rooms).includes("alone at last"), false);
  const forget = `/v3/rooms/${encodeURIComponent(kicked)}/forget`;
  await chat.fixture.request("POST", forget, { token: ben.token, body: {} });
  const forgotten = await slide(chat, ben, everyRoom());
  assert.deepEqual([forgotten.rooms[kicked], forgotten.rooms[banned].initial], [undefined, true]);
});

test("a ban that follows a leave shows nothing of what happened in between", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.setState(ada, roomId, "m.room.topic", { topic: "his time" });
  const first = await slide(chat, ben, body);
  await chat.member(ben, roomId, "leave");
  await chat.setState(ada, roomId, "m.room.topic", { topic: "between" });
  await chat.setState(ada, roomId, "m.room.name", { name: "between" });
  await chat.member(ada, roomId, "ban", ben);
  for (const place of [{ pos: first.pos }, {}]) {
    const room = (await slide(chat, ben, body, place)).rooms[roomId];
    assert.equal(ownMembership(room.required_state, ben), "ban");
    assert.equal(JSON.stringify(room).includes("between"), false);
  }
});

test("whatever is told of a room that the user is not in says that they are not", async () => {
  const invited = await chat.createRoom(ada, { joinRule: "invite" });
  await chat.member(ada, invited, "invite", ben);
  const kicked = await chat.createRoom(ada, { members: [ben] });
  await chat.sendMany(ada, kicked, 5);
  await chat.member(ada, kicked, "leave", ben);
  const plain = { lists: { all: { ranges: [[0, 99]], timeline_limit: 1, required_state: [] } } };
  const first = await slide(chat, ben, plain);
  await chat.fixture.request("PUT", `/v3/user/${encodeURIComponent(ben.userId)}/account_data/m.direct`, {
    token: ben.token,
    body: { [ada.userId]: [invited, kicked] },
  });
  const second = await slide(chat, ben, plain, { pos: first.pos });
  assert.deepEqual([second.rooms[invited].is_dm, second.rooms[kicked].is_dm], [true, true]);
  assert.equal(ownMembership(second.rooms[invited].invite_state, ben), "invite");
  assert.equal(ownMembership(second.rooms[kicked].required_state, ben), "leave");
  const opened = { ...plain, room_subscriptions: { [kicked]: { timeline_limit: 20, required_state: [] } } };
  const third = await slide(chat, ben, opened, { pos: second.pos });
  assert.equal(bodies(third.rooms[kicked].timeline).length, 5);
  assert.equal(ownMembership(third.rooms[kicked].required_state, ben), "leave");
});

test("an invitation turned down or withdrawn leaves, and gives away nothing", async () => {
  const declined = await chat.createRoom(ada, { joinRule: "invite", history: "joined" });
  const withdrawn = await chat.createRoom(ada, { joinRule: "invite", history: "joined" });
  for (const roomId of [declined, withdrawn]) {
    await chat.send(ada, roomId, "secret");
    await chat.member(ada, roomId, "invite", ben);
  }
  const first = await slide(chat, ben, body);
  await chat.member(ben, declined, "leave");
  await chat.member(ada, withdrawn, "leave", ben);
  const second = await slide(chat, ben, body, { pos: first.pos });
  for (const roomId of [declined, withdrawn]) {
    assert.equal(ownMembership(second.rooms[roomId].required_state, ben), "leave");
    assert.deepEqual(stateKeys(second.rooms[roomId].required_state), [`m.room.member/${ben.userId}`]);
  }
  assert.equal(JSON.stringify(second.rooms).includes("secret"), false);
  const anew = await slide(chat, ben, { ...body, conn_id: "later" });
  assert.deepEqual([anew.rooms[declined], anew.rooms[withdrawn]], [undefined, undefined]);
});

test("a room that is joined again is a fresh one, also when the stay in between was not seen", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const first = await slide(chat, ben, body);
  await chat.member(ben, roomId, "leave");
  await chat.send(ada, roomId, "meanwhile");
  await chat.member(ben, roomId, "join");
  const second = await slide(chat, ben, body, { pos: first.pos });
  assert.equal(second.rooms[roomId].initial, true);
  assert.equal(second.rooms[roomId].joined_count, 2);
  // A new name is not a new stay.
  await chat.setState(ben, roomId, "m.room.member", { membership: "join", displayname: "B" }, ben.userId);
  const third = await slide(chat, ben, body, { pos: second.pos });
  assert.equal(third.rooms[roomId].initial, undefined);
});

test("history from before one's time shows only where it may", async () => {
  const secret = await chat.createRoom(ada, { history: "joined" });
  await chat.send(ada, secret, "before");
  await chat.member(ben, secret, "join");
  await chat.send(ada, secret, "since");
  const { rooms } = await slide(chat, ben, body);
  assert.deepEqual(bodies(rooms[secret].timeline), ["since"]);
});

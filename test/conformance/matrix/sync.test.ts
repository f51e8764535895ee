/** Behaviours of GET /sync and of what hangs on its tokens on which clients and the peers' own test suites rely. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { User } from "../../apps/matrix/fixture.ts";
import { accepted, type House, openHouse, path, type ShownEvent } from "../../apps/matrix/rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

interface Query {
  since?: string;
  filter?: object;
  full_state?: boolean;
}

const sync = async (user: User, query: Query = {}): Promise<ShownEvent> => {
  const { filter, ...rest } = query;
  const parameters = new URLSearchParams(rest as Record<string, string>);
  if (filter) parameters.set("filter", JSON.stringify(filter));
  const reply = await house.call(user, "GET", `/sync?${parameters}`);
  accepted(reply);
  return reply.body;
};
const token = async (user: User): Promise<string> => (await sync(user)).next_batch;
const ids = (events: ShownEvent[]): string[] => events.map((event) => event.event_id);

test("a room left and forgotten between two syncs still leaves the client's list, and no first sync has it", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const since = await token(ben);
  accepted(await house.act(ben, "leave", room));
  accepted(await house.act(ben, "forget", room));
  const { rooms } = await sync(ben, { since });
  assert.equal(rooms.leave[room].timeline.events.at(-1).content.membership, "leave");
  const filter = { room: { include_leave: true } };
  assert.equal((await sync(ben, { filter })).rooms?.leave?.[room], undefined);
});

test("an invitation turned down shows as left in a full sync, until the room is joined", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  const since = await token(ben);
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  accepted(await house.act(ben, "leave", room));
  const left = await sync(ben, { since, full_state: true });
  assert.ok(left.rooms.leave[room]);
  accepted(await house.act(ben, "join", room));
  for (const from of [since, left.next_batch]) {
    const { rooms } = await sync(ben, { since: from, full_state: true });
    assert.equal(rooms.leave?.[room], undefined);
    assert.ok(rooms.join[room]);
  }
});

test("a room left before is not told again, whatever happens in it", async () => {
  const { ada, ben } = house;
  const room = await house.make(ben, { preset: "public_chat" });
  const other = await house.make(ben, { preset: "public_chat" });
  for (const each of [room, other]) accepted(await house.act(ada, "join", each));
  const filter = { room: { include_leave: true, timeline: { limit: 1 } } };
  accepted(await house.act(ada, "leave", room));
  const since = await token(ada);
  await house.say(ben, room, "nobody is listening");
  accepted(await house.setState(ben, room, "m.room.member", { membership: "join", filler: 1 }, ben.userId));
  await house.say(ben, other, "but here somebody is");
  const { rooms } = await sync(ada, { since, filter });
  assert.deepEqual([Object.keys(rooms.join), rooms.leave], [[other], undefined]);
});

test("of a room that was left everything up to the leave is shown, its own leave too, and nothing after", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    preset: "public_chat",
    initial_state: [{ type: "m.room.history_visibility", content: { history_visibility: "joined" } }],
  });
  accepted(await house.act(ben, "join", room));
  const since = await token(ben);
  await house.say(ada, room, "before");
  accepted(await house.setState(ada, room, "org.example.state", { value: "before" }));
  accepted(await house.act(ben, "leave", room));
  await house.say(ada, room, "after");
  accepted(await house.setState(ada, room, "org.example.state", { value: "after" }));

  const types = ["m.room.message", "org.example.state"];
  const some = {
    room: { include_leave: true, timeline: { types }, state: { types: ["org.example.state"] } },
  };
  for (const query of [{ filter: some }, { filter: some, since }]) {
    const left = (await sync(ben, query)).rooms.leave[room];
    assert.deepEqual(left.state.events, []);
    assert.deepEqual(
      left.timeline.events.map((event: ShownEvent) => event.content.body ?? event.content.value),
      ["before", "before"],
    );
  }
  const none = { room: { include_leave: true, timeline: { limit: 0 } } };
  for (const query of [{ filter: none }, { filter: none, since }]) {
    const left = (await sync(ben, query)).rooms.leave[room];
    assert.deepEqual(left.timeline.events, []);
    const state: ShownEvent[] = left.state.events;
    assert.equal(state.find((event) => event.state_key === ben.userId)?.content.membership, "leave");
    assert.equal(state.find((event) => event.type === "org.example.state")?.content.value, "before");
    const page = `/rooms/${path(room)}/messages?dir=b&limit=3&from=${left.timeline.prev_batch}`;
    const { chunk } = (await house.call(ben, "GET", page)).body;
    assert.deepEqual(
      chunk.map((event: ShownEvent) => event.content.membership ?? event.content.body ?? event.content.value),
      ["leave", "before", "before"],
    );
  }
});

test("invitations by the ignored do not show, those by others do", async () => {
  const { ada, ben, cleo } = house;
  const list = `/user/${path(ada.userId)}/account_data/m.ignored_user_list`;
  accepted(await house.call(ada, "PUT", list, { ignored_users: { [ben.userId]: {} } }));
  const since = await token(ada);
  const unwanted = await house.make(ben, { invite: [ada.userId] });
  const wanted = await house.make(cleo, { invite: [ada.userId] });
  for (const query of [{ since }, {}]) {
    const { invite } = (await sync(ada, query)).rooms;
    assert.deepEqual([invite[wanted] !== undefined, invite[unwanted]], [true, undefined]);
  }
  accepted(await house.call(ada, "PUT", list, { ignored_users: {} }));
});

test("joining, leaving and joining again between two syncs is having joined", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  const since = await token(ben);
  for (const what of ["join", "leave", "join"]) accepted(await house.act(ben, what, room));
  const { rooms } = await sync(ben, { since });
  assert.ok(rooms.join[room]);
  assert.equal(rooms.leave?.[room], undefined);
});

test("a token of a sync is a place from which relations and history go on", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const root = await house.say(ada, room, "root");
  const answer = (body: string) =>
    house.say(ada, room, {
      msgtype: "m.text",
      body,
      "m.relates_to": { rel_type: "m.thread", event_id: root },
    });
  const old = [await answer("1"), await answer("2")];
  const since = await token(ada);
  const fresh = [await answer("3"), await answer("4"), await answer("5")];
  const relations = `/v1/rooms/${path(room)}/relations/${path(root)}`;
  const get = async (query: string): Promise<ShownEvent> => {
    const reply = await house.call(ada, "GET", query);
    accepted(reply);
    return reply.body;
  };
  const first = await get(`${relations}?dir=f&limit=2&from=${since}`);
  assert.deepEqual(ids(first.chunk), fresh.slice(0, 2));
  const rest = await get(`${relations}?dir=f&limit=2&from=${first.next_batch}`);
  assert.deepEqual([ids(rest.chunk), rest.next_batch], [fresh.slice(2), undefined]);
  assert.deepEqual(ids((await get(`${relations}?dir=b&from=${since}`)).chunk), old.toReversed());
  const messages = `/rooms/${path(room)}/messages`;
  assert.deepEqual(ids((await get(`${messages}?dir=f&from=${since}`)).chunk), fresh);
  assert.deepEqual(
    ids((await get(`${messages}?dir=b&limit=3&from=${since}`)).chunk),
    [root, ...old].toReversed(),
  );
});

test("a transaction id belongs to the device, through a refresh of its token, and shows in every view of the event", async () => {
  const { fixture, ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const opened = await fixture.members.openSession(ada.memberId, {
    deviceId: "REFRESHES",
    refreshable: true,
    address: "192.0.2.1",
  });
  const device: User = { ...ada, deviceId: opened.deviceId, token: opened.accessToken };
  const send = (user: User) =>
    house.call(user, "PUT", `/rooms/${path(room)}/send/m.room.message/once`, {
      msgtype: "m.text",
      body: "x",
    });
  const first = (await send(device)).body.event_id;
  const pair = await fixture.request("POST", "/v3/refresh", { body: { refresh_token: opened.refreshToken } });
  const refreshed: User = { ...device, token: pair.body.access_token };
  assert.equal((await send(refreshed)).body.event_id, first);
  assert.notEqual((await send(ada)).body.event_id, first, "another device's transaction is its own");

  const target = path(first);
  const redaction = (await house.call(refreshed, "PUT", `/rooms/${path(room)}/redact/${target}/away`, {}))
    .body.event_id;
  const shownTo = async (user: User): Promise<unknown[]> => {
    const at = `/rooms/${path(room)}`;
    const get = async (rest: string): Promise<ShownEvent> =>
      (await house.call(user, "GET", `${at}${rest}`)).body;
    const views: ShownEvent[] = [
      await get(`/event/${path(redaction)}`),
      (await get("/messages?dir=b")).chunk.find((event: ShownEvent) => event.event_id === redaction),
      (await get(`/context/${path(redaction)}`)).event,
      (await sync(user)).rooms.join[room].timeline.events.at(-1),
    ];
    return views.map((event) => event.unsigned.transaction_id);
  };
  assert.deepEqual(await shownTo(refreshed), ["away", "away", "away", "away"]);
  for (const other of [ada, ben]) {
    assert.deepEqual(await shownTo(other), [undefined, undefined, undefined, undefined]);
  }
});

test("unread counts follow receipts in threads, outside them and over all", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  const since = await token(ben);
  const related = (event_id: string, rel_type: string) => ({ "m.relates_to": { event_id, rel_type } });
  const mention = { "m.mentions": { user_ids: [ben.userId] } };
  const say = (more: object = {}) => house.say(ada, room, { msgtype: "m.text", body: "words", ...more });
  const root = await say();
  const reply = await say(related(root, "m.thread"));
  await say({ ...related(root, "m.thread"), ...mention });
  const outside = await say(mention);
  await say(related(root, "m.thread"));
  const reference = await say(related(root, "m.reference"));
  const reaction = { ...related(reference, "m.annotation"), key: "!" };
  const last = await house.say(
    ada,
    room,
    { "m.relates_to": reaction["m.relates_to"] },
    "org.example.reaction",
  );

  const counts = async () => {
    const filter = { room: { timeline: { unread_thread_notifications: true } } };
    const [all, apart] = [await sync(ben, { since }), await sync(ben, { since, filter })].map(
      ({ rooms }) => rooms.join[room],
    );
    assert.equal(all.unread_thread_notifications, undefined);
    const pair = (count?: { notification_count: number; highlight_count: number }) =>
      count ? [count.notification_count, count.highlight_count] : [0, 0];
    return {
      all: pair(all.unread_notifications),
      main: pair(apart.unread_notifications),
      thread: pair(apart.unread_thread_notifications?.[root]),
    };
  };
  const read = async (event: string, body: object = {}): Promise<void> =>
    accepted(await house.call(ben, "POST", `/rooms/${path(room)}/receipt/m.read/${path(event)}`, body));

  assert.deepEqual(await counts(), { all: [6, 2], main: [3, 1], thread: [3, 1] });
  await read(root, { thread_id: "main" });
  assert.deepEqual(await counts(), { all: [5, 2], main: [2, 1], thread: [3, 1] });
  await read(reply, { thread_id: root });
  assert.deepEqual(await counts(), { all: [4, 2], main: [2, 1], thread: [2, 1] });
  await read(outside);
  assert.deepEqual(await counts(), { all: [2, 0], main: [1, 0], thread: [1, 0] });
  // The reaction hangs on the reference, and that on the root: it may stand for the whole thread.
  await read(last, { thread_id: root });
  assert.deepEqual(await counts(), { all: [1, 0], main: [1, 0], thread: [0, 0] });
});

test("all of a user's receipts at one event arrive, over all threads and of one", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const root = await house.say(ada, room, "root");
  const reply = await house.say(ada, room, {
    msgtype: "m.text",
    body: "reply",
    "m.relates_to": { rel_type: "m.thread", event_id: root },
  });
  const since = await token(ada);
  for (const body of [{}, { thread_id: root }]) {
    accepted(await house.call(ada, "POST", `/rooms/${path(room)}/receipt/m.read/${path(reply)}`, body));
  }
  for (const query of [{ since }, {}]) {
    const receipts = (await sync(ada, query)).rooms.join[room].ephemeral.events.filter(
      (event: ShownEvent) => event.type === "m.receipt",
    );
    assert.deepEqual(
      receipts.map((event: ShownEvent) => event.content[reply]["m.read"][ada.userId].thread_id).toSorted(),
      [root, undefined],
    );
    assert.ok(receipts.every((event: ShownEvent) => event.room_id === undefined));
  }
});

test("what clients keep of each other, as m.direct, comes with each change", async () => {
  const { ada, ben } = house;
  const at = `/user/${path(ada.userId)}/account_data/m.direct`;
  let since = await token(ada);
  for (const room of ["!one:burrow.localhost", "!two:burrow.localhost"]) {
    accepted(await house.call(ada, "PUT", at, { [ben.userId]: [room] }));
    const answer = await sync(ada, { since });
    assert.deepEqual(answer.account_data.events, [{ type: "m.direct", content: { [ben.userId]: [room] } }]);
    since = answer.next_batch;
  }
});

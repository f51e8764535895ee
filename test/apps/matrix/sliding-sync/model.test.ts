import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stateOf } from "../../../../origin/apps/matrix/rooms/room.ts";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { slide } from "./slide.ts";

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

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What a client makes of the answers, as the Rust SDK does: state from `required_state` only. */
interface Held {
  topic: string | undefined;
  membership: string | undefined;
  joined: number;
  unread: number;
  isDm: boolean;
  /** Event ids without a hole at the end. */
  timeline: string[];
}

class Client {
  readonly rooms = new Map<string, Held>();
  pos: string | undefined;

  // oxlint-disable-next-line typescript/no-explicit-any -- the server's word
  apply(answer: any): void {
    this.pos = answer.pos;
    // oxlint-disable-next-line typescript/no-explicit-any -- the server's word
    for (const [roomId, room] of Object.entries<any>(answer.rooms)) {
      let held = this.rooms.get(roomId);
      if (room.initial || !held) {
        assert.equal(room.initial, true, "a room that the client has not comes whole");
        held = { topic: undefined, membership: "invite", joined: 0, unread: 0, isDm: false, timeline: [] };
        this.rooms.set(roomId, held);
      }
      for (const event of room.required_state ?? []) {
        if (event.type === "m.room.topic") held.topic = event.content.topic;
        if (event.state_key === ada.userId) held.membership = event.content.membership;
      }
      held.joined = room.joined_count ?? held.joined;
      held.unread = room.notification_count ?? held.unread;
      held.isDm = room.is_dm ?? held.isDm;
      if (!room.timeline) continue;
      const ids = room.timeline.map((event: { event_id: string }) => event.event_id);
      if (room.limited || room.initial || room.unstable_expanded_timeline) held.timeline = ids;
      else {
        for (const id of ids) assert.equal(held.timeline.includes(id), false, "news comes once");
        held.timeline.push(...ids);
      }
    }
  }
}

test("whatever happens and gets lost, a client ends up with the rooms as they are", async () => {
  const pick = numbers(20_260_829);
  const client = new Client();
  const rooms: string[] = [];
  for (let index = 0; index < 6; index += 1) rooms.push(await chat.createRoom(ben, { members: [ada] }));
  const anyRoom = (): string => rooms[pick(rooms.length)]!;
  const stored = (roomId: string) => chat.fixture.matrix.rooms.get(roomId)!;
  const own = `/v3/user/${encodeURIComponent(ada.userId)}/account_data/m.direct`;

  const acts: (() => Promise<unknown>)[] = [
    () => chat.send(ben, anyRoom(), "a message"),
    () => chat.sendMany(ben, anyRoom(), 4),
    () => chat.setState(ben, anyRoom(), "m.room.topic", { topic: `topic ${pick(1000)}` }),
    async () => {
      const roomId = anyRoom();
      const now = stored(roomId).members.get(ada.userId);
      if (now === "join" && pick(2) === 0) await chat.member(ada, roomId, "leave");
      else if (now === "join") await chat.member(ben, roomId, "leave", ada);
      else if (now === "leave" && pick(2) === 0) await chat.member(ben, roomId, "invite", ada);
      else await chat.member(ada, roomId, "join");
    },
    async () => {
      const room = stored(anyRoom());
      if (!room.joined.has(ada.userId)) return;
      const path = `/v3/rooms/${encodeURIComponent(room.roomId)}/receipt/m.read/${room.last!.eventId}`;
      await chat.fixture.request("POST", path, { token: ada.token, body: {} });
    },
    async () => void rooms.push(await chat.createRoom(ben, { members: [ada] })),
    () =>
      chat.fixture.request("PUT", own, { token: ada.token, body: { [ben.userId]: [anyRoom(), anyRoom()] } }),
  ];
  const required_state = [
    ["m.room.topic", ""],
    ["m.room.member", "$ME"],
  ];
  const asks = (): object => {
    const last = [0, 2, 3, 99, 99, 99][pick(6)]!;
    const subscribed = pick(3) === 0 ? [anyRoom()] : [];
    return {
      lists: { all: { ranges: [[0, last]], timeline_limit: 1 + pick(3), required_state } },
      room_subscriptions: Object.fromEntries(
        subscribed.map((id) => [id, { timeline_limit: 5, required_state: [["m.room.name", ""]] }]),
      ),
    };
  };
  const everything = { lists: { all: { ranges: [[0, 99]], timeline_limit: 2, required_state } } };
  let body = everything;

  for (let step = 0; step < 200; step += 1) {
    for (let count = pick(4); count > 0; count -= 1) await acts[pick(acts.length)]!();
    if (pick(3) === 0) body = asks() as typeof everything;
    const place = client.pos === undefined ? {} : { pos: client.pos };
    // An answer that is lost: the client asks again from where it was.
    if (pick(5) === 0) await slide(chat, ada, pick(2) === 0 ? body : asks(), place);
    else client.apply(await slide(chat, ada, body, place));
    if (step === 130) await chat.fixture.restart();
    if (step % 20 !== 19) continue;

    body = everything;
    client.apply(await slide(chat, ada, body, { pos: client.pos! }));
    const nothing = await slide(chat, ada, body, { pos: client.pos! });
    assert.deepEqual(nothing.rooms, {}, "everything was said");
    client.apply(nothing);
    const direct = JSON.stringify(chat.fixture.matrix.accountData.get(ada.userId, 0, "m.direct") ?? {});
    for (const roomId of rooms) {
      const room = stored(roomId);
      const held = client.rooms.get(roomId);
      const membership = room.members.get(ada.userId);
      const where = `step ${step}, ${roomId}, ${membership}`;
      if (membership !== "leave" || held) assert.equal(held?.membership, membership, where);
      if (membership !== "join") continue;
      assert.equal(held!.topic, stateOf(room, "m.room.topic")?.pdu.content["topic"], where);
      assert.equal(held!.joined, room.joined.size, where);
      assert.equal(
        held!.unread,
        chat.fixture.matrix.unread.inRoom(ada.userId, room.nid).main.notification_count,
        where,
      );
      assert.equal(held!.isDm, direct.includes(`"${roomId}"`), where);
      const newest = chat.fixture.matrix.events.newest(
        room,
        0,
        Number.MAX_SAFE_INTEGER,
        held!.timeline.length,
      );
      assert.deepEqual(
        held!.timeline,
        newest.map((event) => event.eventId),
        where,
      );
    }
  }
});

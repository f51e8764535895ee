import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { everyRoom, slide, stateKeys } from "./slide.ts";

let chat: Chat;
let ada: User;
let ben: User;
let names = 0;
before(async () => void (chat = await createChat()));
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});
// Somebody without rooms for each test.
beforeEach(async () => {
  names += 1;
  ada = await chat.fixture.user(`ada${names}`);
  ben = await chat.fixture.user(`ben${names}`);
});

const list = (first: number, last: number, extra: object = {}): object => ({
  lists: { all: { ranges: [[first, last]], timeline_limit: 1, required_state: [], ...extra } },
});
const rooms = async (count: number): Promise<string[]> => {
  const made: string[] = [];
  for (let index = 0; index < count; index += 1) made.push(await chat.createRoom(ada, { members: [ben] }));
  return made;
};
// oxlint-disable-next-line typescript/no-explicit-any -- the server's word
const idsIn = (answer: any): string[] => Object.keys(answer.rooms);
async function setAccountData(user: User, path: string, content: object): Promise<void> {
  const reply = await chat.fixture.request("PUT", `/v3/user/${encodeURIComponent(user.userId)}/${path}`, {
    token: user.token,
    body: content,
  });
  assert.equal(reply.status, 200);
}

test("a growing range brings what was not sent yet, the most recent first, and counts all", async () => {
  const [one, two, three, four] = await rooms(4);
  await chat.send(ben, one!, "up");
  const first = await slide(chat, ada, list(0, 1));
  assert.deepEqual(idsIn(first), [one, four]);
  assert.deepEqual(first.lists, { all: { count: 4 } });
  const second = await slide(chat, ada, list(0, 2), { pos: first.pos });
  assert.deepEqual(idsIn(second), [three]);
  const third = await slide(chat, ada, list(0, 99), { pos: second.pos });
  assert.deepEqual(idsIn(third), [two]);
  assert.deepEqual(idsIn(await slide(chat, ada, list(0, 99), { pos: third.pos })), []);
});

test("a room moves into the range with its news, and one that moved out comes back with what it missed", async () => {
  const [one, two] = await rooms(2);
  const first = await slide(chat, ada, list(0, 0));
  assert.deepEqual(idsIn(first), [two]);
  await chat.send(ben, two!, "seen in range");
  await chat.send(ben, one!, "up");
  const second = await slide(chat, ada, list(0, 0), { pos: first.pos });
  assert.deepEqual(idsIn(second), [one]);
  assert.equal(second.rooms[one!].num_live, 1);
  const third = await slide(chat, ada, list(0, 1), { pos: second.pos });
  assert.deepEqual(idsIn(third), [two]);
  assert.equal(third.rooms[two!].initial, undefined);
  assert.equal(third.rooms[two!].timeline[0].content.body, "seen in range");
});

test("several ranges and lists give each room once, with the most that any of them asks", async () => {
  const [one, two, three] = await rooms(3);
  await chat.setState(ada, one!, "m.room.topic", { topic: "t" });
  await chat.sendMany(ben, one!, 3);
  const answer = await slide(chat, ada, {
    lists: {
      ends: {
        ranges: [
          [0, 0],
          [2, 2],
          [2, 5],
        ],
        timeline_limit: 1,
        required_state: [["m.room.topic", ""]],
      },
      most: { ranges: [[0, 0]], timeline_limit: 3, required_state: [["m.room.create", ""]] },
    },
    room_subscriptions: { [one!]: { timeline_limit: 2, required_state: [["m.room.join_rules", ""]] } },
  });
  assert.deepEqual(new Set(idsIn(answer)), new Set([one, two]));
  assert.equal(answer.rooms[one!].timeline.length, 3);
  assert.deepEqual(stateKeys(answer.rooms[one!].required_state), [
    "m.room.create/",
    "m.room.join_rules/",
    "m.room.topic/",
  ]);
  assert.equal(three !== undefined && answer.rooms[three] === undefined, true);
});

test("a subscription gives a room that no list has in range, and none that is not the user's", async () => {
  const [one, two] = await rooms(2);
  const foreign = await chat.createRoom(ben);
  const subscribe = (roomIds: string[]): object => ({
    ...list(0, 0),
    room_subscriptions: Object.fromEntries(
      roomIds.map((id) => [id, { timeline_limit: 5, required_state: [["*", "*"]] }]),
    ),
  });
  const first = await slide(chat, ada, subscribe([one!, foreign, "!none:burrow.localhost"]));
  assert.deepEqual(idsIn(first), [two, one]);
  const second = await slide(chat, ada, list(0, 0), { pos: first.pos });
  await chat.send(ben, two!, "in range");
  await chat.send(ben, two!, "still");
  const third = await slide(chat, ada, list(0, 0), { pos: second.pos });
  assert.deepEqual(idsIn(third), [two]);
});

test("filters: encryption, type, tombstone, invitations", async () => {
  const [plain, secret, space, dead] = await rooms(4);
  await chat.setState(ada, secret!, "m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" });
  await chat.setState(ada, dead!, "m.room.tombstone", { body: "gone", replacement_room: plain! });
  const typed = await chat.fixture.request("POST", "/v3/createRoom", {
    token: ada.token,
    body: { creation_content: { type: "m.space" } },
  });
  const invited = await chat.createRoom(ben, { joinRule: "invite" });
  await chat.member(ben, invited, "invite", ada);
  const matching = async (filters: object): Promise<Set<string>> => {
    const answer = await slide(chat, ada, list(0, 99, { filters }));
    assert.equal(answer.lists.all.count, idsIn(answer).length);
    return new Set(idsIn(answer));
  };
  const spaceId = typed.body.room_id;
  assert.deepEqual(await matching({ is_encrypted: true }), new Set([secret]));
  assert.deepEqual(await matching({ is_encrypted: false }), new Set([plain, space, dead, spaceId, invited]));
  assert.deepEqual(await matching({ is_tombstoned: true }), new Set([dead]));
  assert.deepEqual(await matching({ room_types: ["m.space"] }), new Set([spaceId]));
  assert.deepEqual(
    await matching({ room_types: ["m.space", null], not_room_types: [null] }),
    new Set([spaceId]),
  );
  assert.deepEqual(
    await matching({ not_room_types: ["m.space"], is_invite: false, is_tombstoned: false }),
    new Set([plain, secret, space]),
  );
  assert.deepEqual(await matching({ is_invite: true }), new Set([invited]));
  assert.deepEqual(await matching({ is_invited: true }), new Set([invited]));
});

test("filters: direct rooms, tags and spaces, as they change", async () => {
  const [one, two] = await rooms(2);
  const parent = await chat.fixture.request("POST", "/v3/createRoom", {
    token: ada.token,
    body: { creation_content: { type: "m.space" } },
  });
  const body = {
    lists: Object.fromEntries(
      Object.entries({
        dms: { is_dm: true },
        tagged: { tags: ["m.favourite", "u.work"], not_tags: ["m.lowpriority"] },
        inside: { spaces: [parent.body.room_id, "!none:burrow.localhost"] },
      }).map(([name, filters]) => [
        name,
        { ranges: [[0, 9]], timeline_limit: 0, required_state: [], filters },
      ]),
    ),
  };
  const first = await slide(chat, ada, body);
  assert.deepEqual(first.lists, { dms: { count: 0 }, tagged: { count: 0 }, inside: { count: 0 } });
  await setAccountData(ada, "account_data/m.direct", { [ben.userId]: [one] });
  const second = await slide(chat, ada, body, { pos: first.pos });
  assert.deepEqual(idsIn(second), [one]);
  assert.equal(second.rooms[one!].is_dm, true);
  await setAccountData(ada, `rooms/${encodeURIComponent(two!)}/tags/u.work`, {});
  const third = await slide(chat, ada, body, { pos: second.pos });
  assert.deepEqual(idsIn(third), [two]);
  await setAccountData(ada, `rooms/${encodeURIComponent(two!)}/tags/m.lowpriority`, {});
  const fourth = await slide(chat, ada, body, { pos: third.pos });
  assert.deepEqual(fourth.lists.tagged, { count: 0 });
  await chat.setState(ada, parent.body.room_id, "m.space.child", { via: ["burrow.localhost"] }, one);
  const fifth = await slide(chat, ada, body, { pos: fourth.pos });
  assert.deepEqual(fifth.lists.inside, { count: 1 });
  await chat.setState(ada, parent.body.room_id, "m.space.child", {}, one);
  assert.deepEqual((await slide(chat, ada, body, { pos: fifth.pos })).lists.inside, { count: 0 });
});

test("the order is by the last event of any kind, and bump_stamp by what a person calls activity", async () => {
  const [one, two] = await rooms(2);
  const first = await slide(chat, ada, everyRoom());
  await chat.send(ben, two!, "message");
  await chat.setState(ada, one!, "m.room.topic", { topic: "no activity" });
  const second = await slide(chat, ada, everyRoom(), { pos: first.pos });
  assert.deepEqual(idsIn(second), [one, two]);
  assert.ok(second.rooms[two!].bump_stamp > first.rooms[two!].bump_stamp);
  assert.equal(second.rooms[one!].bump_stamp, undefined, "as before");
  const anew = await slide(chat, ada, everyRoom());
  assert.equal(anew.rooms[one!].bump_stamp, first.rooms[one!].bump_stamp);
  assert.equal(anew.rooms[two!].bump_stamp, second.rooms[two!].bump_stamp);
});

test("more rooms than one answer holds come in the next ones, none twice", async () => {
  await rooms(210);
  const seen: string[] = [];
  let pos: string | undefined;
  for (let round = 0; round < 3; round += 1) {
    const answer = await slide(chat, ada, list(0, 999), pos === undefined ? {} : { pos });
    assert.equal(answer.lists.all.count, 210);
    seen.push(...idsIn(answer));
    pos = answer.pos;
  }
  assert.equal(seen.length, 210);
  assert.equal(new Set(seen).size, 210);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";
import { ask, slide } from "./slide.ts";

let chat: Chat;
let ada: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
});
after(async () => {
  assert.deepEqual(chat.fixture.log, []);
  await chat.close();
});

const list = (extra: object): object => ({
  lists: { all: { ranges: [[0, 9]], timeline_limit: 1, required_state: [], ...extra } },
});
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

test("what is malformed or too much is refused with a word about which part", async () => {
  const bad: [body: unknown, errcode: string, about: RegExp][] = [
    ["[]", "M_BAD_JSON", /object/],
    [{ conn_id: 5 }, "M_BAD_JSON", /conn_id/],
    [{ conn_id: "x".repeat(256) }, "M_INVALID_PARAM", /conn_id/],
    [{ lists: [] }, "M_BAD_JSON", /lists/],
    [{ lists: { all: 1 } }, "M_BAD_JSON", /lists.all/],
    [{ lists: Object.fromEntries(many(101).map((name) => [name, {}])) }, "M_INVALID_PARAM", /lists/],
    [{ lists: { ["x".repeat(256)]: {} } }, "M_INVALID_PARAM", /list/],
    [list({ ranges: [[0]] }), "M_BAD_JSON", /range/],
    [list({ ranges: [["a", "b"]] }), "M_BAD_JSON", /range/],
    [list({ ranges: [[-1, 2]] }), "M_INVALID_PARAM", /range/],
    [list({ ranges: [[3, 2]] }), "M_INVALID_PARAM", /range/],
    [list({ ranges: [[0, 0.5]] }), "M_BAD_JSON", /range/],
    [list({ ranges: many(21).map((_, index) => [index, index]) }), "M_INVALID_PARAM", /ranges/],
    [list({ timeline_limit: -1 }), "M_INVALID_PARAM", /timeline_limit/],
    [list({ timeline_limit: "1" }), "M_BAD_JSON", /timeline_limit/],
    [list({ required_state: [["m.room.name"]] }), "M_BAD_JSON", /required_state/],
    [list({ required_state: { include: [] } }), "M_BAD_JSON", /required_state/],
    [list({ required_state: many(201).map((type) => [type, ""]) }), "M_INVALID_PARAM", /required_state/],
    [list({ filters: { is_dm: "yes" } }), "M_BAD_JSON", /is_dm/],
    [list({ filters: { room_types: [1] } }), "M_BAD_JSON", /room_types/],
    [list({ filters: { spaces: many(101) } }), "M_INVALID_PARAM", /spaces/],
    [{ room_subscriptions: { "!a": null } }, "M_BAD_JSON", /room_subscriptions/],
    [
      { room_subscriptions: Object.fromEntries(many(501).map((id) => [id, {}])) },
      "M_INVALID_PARAM",
      /room_sub/,
    ],
    [{ extensions: { to_device: 1 } }, "M_BAD_JSON", /to_device/],
    [{ extensions: { typing: { enabled: "true" } } }, "M_BAD_JSON", /enabled/],
    [{ extensions: { receipts: { enabled: true, rooms: [1] } } }, "M_BAD_JSON", /rooms/],
  ];
  for (const [body, errcode, about] of bad) {
    const reply = await ask(chat, ada, body);
    assert.deepEqual([reply.status, reply.body.errcode], [400, errcode], JSON.stringify(body).slice(0, 100));
    assert.match(reply.body.error, about);
  }
  const huge = await ask(chat, ada, list({ filters: { tags: ["x".repeat(300_000)] } }));
  assert.deepEqual([huge.status, huge.body.errcode], [413, "M_TOO_LARGE"]);
  for (const place of [{ timeout: -1 }, { set_presence: "asleep" }]) {
    const reply = await ask(chat, ada, {}, place);
    assert.deepEqual([reply.status, reply.body.errcode], [400, "M_INVALID_PARAM"]);
  }
});

test("a refused request leaves the connection as it was", async () => {
  const roomId = await chat.createRoom(ada);
  const { pos } = await slide(chat, ada, list({}));
  await chat.send(ada, roomId, "news");
  assert.equal((await ask(chat, ada, list({ ranges: 1 }), { pos })).status, 400);
  assert.equal((await ask(chat, ada, list({ ranges: 1 }))).status, 400);
  assert.ok((await slide(chat, ada, list({}), { pos })).rooms[roomId]);
});

test("nothing asked is nothing answered, and what is not known is passed over", async () => {
  const empty = await slide(chat, ada, {});
  assert.deepEqual([empty.lists, empty.rooms, empty.extensions], [{}, {}, {}]);
  const roomId = await chat.createRoom(ada);
  const answer = await slide(chat, ada, {
    ...list({
      timeline_limit: 5000,
      filters: { room_name_like: "x" },
      sort: ["by_recency"],
      bump_event_types: [],
    }),
    extensions: {
      "io.element.msc4308.thread_subscriptions": { enabled: true, limit: 10 },
      to_device: { enabled: false },
    },
    unknown: true,
  });
  assert.ok(answer.rooms[roomId]);
  assert.deepEqual(answer.extensions, {});
});

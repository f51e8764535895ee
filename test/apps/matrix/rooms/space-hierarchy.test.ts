import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const space = { creation_content: { type: "m.space" }, preset: "public_chat" };
const open = { preset: "public_chat" };
const via = ["burrow.localhost"];

const walk = (user: House["ada"], room: string, query = "") =>
  house.call(user, "GET", `/v1/rooms/${path(room)}/hierarchy${query}`);
const idsOf = (reply: { body: { rooms: { room_id: string }[] } }) =>
  reply.body.rooms.map(({ room_id: id }) => id);

async function link(parent: string, child: string, content: object = {}): Promise<void> {
  house.fixture.clock.now += 1;
  accepted(await house.setState(house.ada, parent, "m.space.child", { via, ...content }, child));
}

test("a tree is walked depth first, each room once, its children in their order", async () => {
  const { ada, ben } = house;
  const [root, branch, twig] = [
    await house.make(ada, { ...space, name: "Root", topic: "All of it" }),
    await house.make(ada, space),
    await house.make(ada, space),
  ];
  const [late, early, leaf, unlinked, inner] = [
    await house.make(ada, open),
    await house.make(ada, open),
    await house.make(ada, {
      ...open,
      initial_state: [{ type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    }),
    await house.make(ada, open),
    await house.make(ada, open),
  ];
  await link(root, branch);
  await link(root, early, { order: "a" });
  await link(root, late, { order: "b", suggested: true });
  // Of no valid order: as if it had none.
  await link(root, leaf, { order: "\u{1f4a5}" });
  await link(root, unlinked, { via: [] });
  await link(root, unlinked, { via: undefined });
  await link(root, "not a room id");
  await link(branch, twig);
  await link(twig, leaf);
  // A circle, and links in what is no space.
  await link(twig, root);
  await link(early, inner);

  const whole = await walk(ben, root);
  accepted(whole);
  assert.deepEqual(idsOf(whole), [root, early, late, branch, twig, leaf]);
  const [first, second] = whole.body.rooms;
  assert.deepEqual(
    first.children_state.map((event: { state_key: string }) => event.state_key),
    [early, late, branch, leaf],
  );
  const { origin_server_ts: time, ...rest } = first.children_state[1];
  assert.equal(typeof time, "number");
  assert.deepEqual(rest, {
    type: "m.space.child",
    state_key: late,
    sender: ada.userId,
    content: { via, order: "b", suggested: true },
  });
  assert.deepEqual(
    { ...first, children_state: [] },
    {
      room_id: root,
      name: "Root",
      topic: "All of it",
      num_joined_members: 1,
      world_readable: false,
      guest_can_join: false,
      join_rule: "public",
      room_type: "m.space",
      room_version: "11",
      children_state: [],
    },
  );
  assert.deepEqual(second.children_state, []);
  assert.equal(whole.body.rooms.at(-1).encryption, "m.megolm.v1.aes-sha2");
  assert.equal(whole.body.next_batch, undefined);

  assert.deepEqual(idsOf(await walk(ben, root, "?max_depth=0")), [root]);
  assert.deepEqual(idsOf(await walk(ben, root, "?max_depth=1")), [root, early, late, branch, leaf]);
  const suggested = await walk(ben, root, "?suggested_only=true");
  assert.deepEqual(idsOf(suggested), [root, late]);
  assert.equal(suggested.body.rooms[0].children_state.length, 1);

  // A link is taken away by emptying it.
  accepted(await house.setState(ada, root, "m.space.child", {}, branch));
  assert.deepEqual(idsOf(await walk(ben, root)), [root, early, late, leaf]);
});

test("pages fit together, may be asked for again, and belong to who began the walk", async () => {
  const { ada, ben } = house;
  const root = await house.make(ada, space);
  const children: string[] = [];
  for (let child = 0; child < 5; child += 1) {
    children.push(await house.make(ada, open));
    await link(root, children.at(-1)!);
  }
  const first = await walk(ada, root, "?limit=2&max_depth=3");
  assert.deepEqual(idsOf(first), [root, children[0]]);
  const next = `?limit=3&from=${first.body.next_batch}`;
  for (const again of [next, `${next}&max_depth=3`, `${next}&suggested_only=false`]) {
    assert.deepEqual(idsOf(await walk(ada, root, again)), children.slice(1, 4));
  }
  const second = await walk(ada, root, next);
  const last = await walk(ada, root, `?from=${second.body.next_batch}`);
  assert.deepEqual(idsOf(last), [children[4]]);
  assert.equal(last.body.next_batch, undefined);

  refused(await walk(ada, root, `${next}&max_depth=2`), 400, "M_INVALID_PARAM");
  refused(await walk(ada, root, `${next}&suggested_only=true`), 400, "M_INVALID_PARAM");
  refused(await walk(ben, root, next), 400, "M_INVALID_PARAM");
  refused(await walk(ada, children[0]!, next), 400, "M_INVALID_PARAM");
  for (const query of ["limit=0", "limit=-1", "max_depth=x", "suggested_only=perhaps", "from=nothing"]) {
    refused(await walk(ada, root, `?${query}`), 400, "M_INVALID_PARAM");
  }
  house.fixture.clock.now += 60 * 60 * 1000;
  refused(await walk(ada, root, next), 400, "M_INVALID_PARAM");
});

test("everyone is shown the rooms that they could enter, and no others", async () => {
  const { ada, ben, cleo } = house;
  const root = await house.make(ada, space);
  const rule = (content: object) => ({ initial_state: [{ type: "m.room.join_rules", content }] });
  const closed = await house.make(ada);
  const knockable = await house.make(ada, rule({ join_rule: "knock" }));
  const members = await house.make(
    ada,
    rule({ join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: root }] }),
  );
  const readable = await house.make(ada, {
    initial_state: [{ type: "m.room.history_visibility", content: { history_visibility: "world_readable" } }],
  });
  // Version 6 knows no knocks: nobody can make one.
  const tooOld = await house.make(ada, { ...rule({ join_rule: "knock" }), room_version: "6" });
  const hidden = await house.make(ada, { ...space, preset: "private_chat" });
  const below = await house.make(ada, open);
  for (const child of [closed, knockable, members, readable, tooOld, hidden]) await link(root, child);
  await link(hidden, below);

  assert.deepEqual(idsOf(await walk(ben, root)), [root, knockable, readable]);
  accepted(await house.act(ben, "join", root));
  const restricted = (await walk(ben, root)).body.rooms.find(
    (entry: { room_id: string }) => entry.room_id === members,
  );
  assert.deepEqual(restricted.allowed_room_ids, [root]);
  accepted(await house.act(ada, "invite", closed, { user_id: ben.userId }));
  accepted(await house.act(ada, "invite", hidden, { user_id: ben.userId }));
  assert.deepEqual(idsOf(await walk(ben, root)), [root, closed, knockable, members, readable, hidden, below]);
  accepted(await house.act(ada, "ban", knockable, { user_id: ben.userId }));
  accepted(await house.act(ada, "ban", readable, { user_id: ben.userId }));
  assert.deepEqual(idsOf(await walk(ben, root)), [root, closed, members, readable, hidden, below]);

  refused(await walk(cleo, hidden), 403, "M_FORBIDDEN");
  refused(await walk(cleo, "!nothing:burrow.localhost"), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "ban", root, { user_id: cleo.userId }));
  refused(await walk(cleo, root), 403, "M_FORBIDDEN");
  refused(await house.fixture.request("GET", `/v1/rooms/${path(root)}/hierarchy`), 401, "M_MISSING_TOKEN");
});

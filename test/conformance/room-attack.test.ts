import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { User } from "../apps/matrix/fixture.ts";
import { type House, openHouse, path } from "../apps/matrix/rooms/house.ts";
import type { Operation } from "./plausible-request.ts";
import { walk, worldOf } from "./walk.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const isOfRoom = ({ path: pattern }: Operation): boolean => /:room(?:Id|IdOrAlias|Alias)\b/.test(pattern);

/** Tells what a room is called and about, and no more, to whoever could enter it. */
const isSummary = ({ path: pattern }: Operation): boolean => /summary|hierarchy/.test(pattern);

/** Told to nobody outside. Ben is a member here whom cleo does not know. */
const secrets = /s3cret|whisper|@ben:|@ada:/;

/** A room of ada's and ben's, full of what is nobody else's business. */
async function makeSecret(request: object = {}): Promise<{ room: string; event: string }> {
  const { ada, ben } = house;
  const room = await house.make(ada, {
    name: "s3cret name",
    topic: "s3cret topic",
    invite: [ben.userId],
    ...request,
  });
  await house.act(ben, "join", room);
  const event = await house.say(ben, room, "whisper");
  await house.setState(ada, room, "org.example.s3cret", { x: "whisper" });
  return { room, event };
}

async function walkRoom(
  user: User,
  secret: { room: string; event: string },
  options: { query?: string } = {},
) {
  // Their own id stands in requests; what is asked about others must not come back with an answer.
  const world = { ...worldOf(user, user, secret.room, secret.event), other: "@zoe:burrow.localhost" };
  return walk(house.fixture, { world, token: user.token, only: isOfRoom, ...options });
}

test("who was never in a room gets nothing out of any operation on it, and leaves no trace in it", async () => {
  const { ada, cleo, fixture } = house;
  for (const request of [{}, { preset: "private_chat", room_version: "12" }, { room_version: "10" }]) {
    const secret = await makeSecret(request);
    const last = fixture.matrix.rooms.get(secret.room)?.last;
    for (const query of ["", "?dir=b", "?dir=f&from=s0", "?at=s1&format=event"]) {
      for (const { operation, what, reply } of await walkRoom(cleo, secret, { query })) {
        assert.ok(!secrets.test(JSON.stringify(reply.body)), what);
        const tells = /aliases|directory/.test(operation.path);
        assert.ok(reply.status >= 400 || tells, `not refused: ${what}`);
      }
    }
    assert.deepEqual(fixture.matrix.rooms.get(secret.room)?.last, last, "no event of hers");
    const synced = await house.call(cleo, "GET", "/sync");
    assert.ok(!JSON.stringify(synced.body).includes("s3cret"));
    assert.equal((await house.call(ada, "GET", `/rooms/${path(secret.room)}/members`)).body.chunk.length, 2);
  }
});

test("who was invited sees what the invitation shows, and no message or member list", async () => {
  const { ada, cleo } = house;
  const secret = await makeSecret();
  await house.act(ada, "invite", secret.room, { user_id: cleo.userId });
  for (const query of ["", "?dir=b", "?dir=f&from=s0"]) {
    const world = { ...worldOf(cleo, cleo, secret.room, secret.event), other: "@zoe:burrow.localhost" };
    const only = (operation: Operation): boolean => isOfRoom(operation) && operation.method === "GET";
    const request = { world, token: cleo.token, only, query };
    for (const { operation, what, reply } of await walk(house.fixture, request)) {
      const text = JSON.stringify(reply.body);
      const told = isSummary(operation) ? text.replace(/s3cret (?:name|topic)/g, "") : text;
      assert.ok(!secrets.test(told), what);
    }
  }
  const { body } = await house.call(cleo, "GET", "/sync");
  const shown = JSON.stringify(body.rooms.invite[secret.room]);
  assert.ok(shown.includes("s3cret name") && !shown.includes("whisper") && !shown.includes("@ben:"), shown);
});

for (const way of ["leave", "kick", "ban"] as const) {
  test(`after a ${way} nothing later shows in any operation or sync`, async () => {
    const { ada, ben, cleo } = house;
    const room = await house.make(ada, { preset: "public_chat", name: "before" });
    await house.act(ben, "join", room);
    await house.act(cleo, "join", room);
    const seen = await house.say(ben, room, "spoken before");
    const since = (await house.call(cleo, "GET", "/sync")).body.next_batch;
    await (way === "leave"
      ? house.act(cleo, "leave", room)
      : house.act(ada, way, room, { user_id: cleo.userId }));
    const thread = { rel_type: "m.thread", event_id: seen };
    await house.say(ada, room, { msgtype: "m.text", body: "AFTERWARDS", "m.relates_to": thread });
    const edit = { rel_type: "m.replace", event_id: seen };
    await house.say(ben, room, {
      msgtype: "m.text",
      body: "AFTERWARDS",
      "m.new_content": { msgtype: "m.text", body: "AFTERWARDS" },
      "m.relates_to": edit,
    });
    await house.setState(ada, room, "m.room.name", { name: "AFTERWARDS" });
    await house.call(ada, "PUT", "/profile/" + path(ada.userId) + "/displayname", {
      displayname: "AFTERWARDS",
    });
    const late = await house.say(ada, room, "AFTERWARDS");
    const redact = `/rooms/${path(room)}/redact/${path(seen)}/x-${way}`;
    assert.equal((await house.call(ada, "PUT", redact, { reason: "AFTERWARDS" })).status, 200);

    const queries = [
      "",
      "?dir=b",
      "?dir=f",
      "?dir=f&from=s0",
      "?dir=b&from=s999999&limit=100",
      "?format=event",
    ];
    for (const event of [seen, late]) {
      for (const query of queries) {
        const only = (operation: Operation): boolean => isOfRoom(operation) && operation.method === "GET";
        const world = worldOf(cleo, ben, room, event);
        for (const eventType of ["m.room.name", "m.room.message"]) {
          const parameters = { eventType };
          const request = { world, token: cleo.token, only, query, parameters };
          for (const { operation, what, reply } of await walk(house.fixture, request)) {
            const text = JSON.stringify(reply.body);
            // The room is public, and its name everybody's; not the banned one's.
            const named = isSummary(operation) && way !== "ban";
            assert.ok(!(named ? text.replace('"name":"AFTERWARDS"', "") : text).includes("AFTERWARDS"), what);
          }
        }
      }
    }
    const leaves = encodeURIComponent(JSON.stringify({ room: { include_leave: true } }));
    for (const query of [
      `since=${since}`,
      `filter=${leaves}`,
      `since=${since}&full_state=true`,
      "since=s1",
    ]) {
      const { body } = await house.call(cleo, "GET", `/sync?${query}`);
      const left = JSON.stringify(body.rooms?.leave?.[room] ?? {});
      assert.ok(!left.includes("AFTERWARDS"), `sync ${query} ${left}`);
      assert.equal(body.rooms?.join?.[room], undefined);
    }
    await house.call(ada, "PUT", "/profile/" + path(ada.userId) + "/displayname", { displayname: "ada" });
  });
}

test("a ban holds on every way back into a room", async () => {
  const { ada, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat", room_alias_name: "everybodys" });
  const other = await house.make(ada, { preset: "public_chat" });
  await house.act(cleo, "join", other);
  await house.act(ada, "ban", room, { user_id: cleo.userId });
  const tries = async (): Promise<void> => {
    for (const [method, where, body] of [
      ["POST", `/rooms/${path(room)}/join`, {}],
      ["POST", `/join/${path(room)}`, {}],
      ["POST", `/join/${path("#everybodys:burrow.localhost")}`, {}],
      ["POST", `/knock/${path(room)}`, {}],
      ["POST", `/rooms/${path(room)}/leave`, {}],
      ["POST", `/rooms/${path(room)}/unban`, { user_id: cleo.userId }],
      ["POST", `/rooms/${path(room)}/invite`, { user_id: cleo.userId }],
      ["PUT", `/rooms/${path(room)}/state/m.room.member/${path(cleo.userId)}`, { membership: "join" }],
      ["PUT", `/rooms/${path(room)}/state/m.room.member/${path(cleo.userId)}`, { membership: "leave" }],
      ["PUT", `/rooms/${path(room)}/state/m.room.member/${path(cleo.userId)}`, { membership: "knock" }],
      [
        "PUT",
        `/rooms/${path(room)}/state/m.room.member/${path(cleo.userId)}`,
        { membership: "join", join_authorised_via_users_server: ada.userId },
      ],
    ] as const) {
      const reply = await house.call(cleo, method, where, body);
      assert.equal(reply.status, 403, `${method} ${where} ${JSON.stringify(reply.body)}`);
    }
    assert.equal(house.fixture.matrix.rooms.get(room)?.members.get(cleo.userId), "ban");
  };
  await tries();
  // Nor does it open when the room is restricted to one that she is in, or takes knocks.
  const allow = [{ type: "m.room_membership", room_id: other }];
  for (const content of [
    { join_rule: "restricted", allow },
    { join_rule: "knock" },
    { join_rule: "knock_restricted", allow },
  ]) {
    assert.equal((await house.setState(ada, room, "m.room.join_rules", content)).status, 200);
    await tries();
  }
  // An invitation does not lift it either.
  assert.equal((await house.act(ada, "invite", room, { user_id: cleo.userId })).status, 403);
});

test("an ordinary member cannot raise themselves by any operation that makes state", async () => {
  const { ada, ben, cleo } = house;
  for (const version of ["10", "11", "12"]) {
    const room = await house.make(ada, { preset: "public_chat", room_version: version });
    await house.act(ben, "join", room);
    await house.act(cleo, "join", room);
    const state = house.fixture.matrix.rooms.get(room)?.state;
    const levels = state?.get("m.room.power_levels\0")?.pdu.content as { users: object };
    const raised = { ...levels, users: { ...levels.users, [ben.userId]: 100 } };
    const own = { membership: "join" };
    const attempts: [string, string, object][] = [
      ["PUT", "state/m.room.power_levels", raised],
      ["PUT", "state/m.room.power_levels/x", raised],
      ["PUT", "send/m.room.power_levels/1", raised],
      ["PUT", "state/m.room.create", { creator: ben.userId, room_version: version }],
      ["PUT", "send/m.room.create/1", { creator: ben.userId, room_version: version }],
      ["PUT", "state/m.room.join_rules", { join_rule: "public" }],
      ["PUT", "state/m.room.third_party_invite/x", { public_key: "x" }],
      ["PUT", `state/org.example.x/${path(cleo.userId)}`, {}],
      ["PUT", `state/m.room.member/${path(cleo.userId)}`, { membership: "leave" }],
      ["PUT", `state/m.room.member/${path(cleo.userId)}`, own],
      ["PUT", "send/m.room.member/2", { ...own, membership: "ban" }],
      ["POST", "kick", { user_id: cleo.userId }],
      ["POST", "ban", { user_id: ada.userId }],
      ["PUT", `redact/${path(state?.get("m.room.power_levels\0")?.eventId ?? "")}/3`, {}],
      ["PUT", "send/m.room.redaction/4", { redacts: state?.get("m.room.create\0")?.eventId }],
    ];
    for (const [method, where, body] of attempts) {
      const reply = await house.call(ben, method, `/rooms/${path(room)}/${where}`, body);
      assert.ok(
        reply.status === 403 || reply.status === 400,
        `${version} ${where} ${JSON.stringify(reply.body)}`,
      );
    }
    // Taken, but without effect: what a membership or a profile says is not what one may do.
    const boast = {
      ...own,
      power_level: 100,
      join_authorised_via_users_server: ada.userId,
      third_party_invite: {},
    };
    await house.setState(ben, room, "m.room.member", boast, ben.userId);
    const made = house.fixture.matrix.rooms.get(room);
    assert.deepEqual(made?.state.get("m.room.power_levels\0")?.pdu.content, levels);
    assert.equal(made?.members.get(cleo.userId), "join");
    assert.equal((await house.setState(ben, room, "m.room.name", { name: "mine" })).status, 403);
  }
});

test("createRoom makes nobody a member, and no other the room's creator", async () => {
  const { ada, ben } = house;
  const state = (content: object, type = "m.room.member", key = ben.userId) => [
    { type, state_key: key, content },
  ];
  for (const request of [
    { initial_state: state({ membership: "join" }) },
    { initial_state: state({ membership: "knock" }) },
    { initial_state: state({ membership: "invite" }, "m.room.member", "@x:example.org") },
    { initial_state: state({ room_version: "11", type: "m.space" }, "m.room.create", "") },
    { initial_state: state({}, "org.example.x", ben.userId) },
    { initial_state: state({ x: "a\u0000b" }, "org.example\u0000x", "") },
    { power_level_content_override: { users: { [ada.userId]: 0 } } },
    { power_level_content_override: { users: { ada: 100 } } },
    { room_version: "12", power_level_content_override: { users: { [ada.userId]: 100 } } },
    { room_version: "12", creation_content: { additional_creators: ["ben"] } },
  ]) {
    const position = house.fixture.matrix.stream.current();
    const reply = await house.call(ada, "POST", "/createRoom", { name: "x", ...request });
    assert.ok([400, 403, 404].includes(reply.status), JSON.stringify([request, reply.body]));
    assert.equal(house.fixture.matrix.stream.current(), position);
  }
  const room = await house.make(ada, {
    creation_content: { creator: ben.userId, room_version: "1", sender: ben.userId },
  });
  const made = house.fixture.matrix.rooms.get(room);
  assert.equal(made?.version.id, "11");
  assert.equal(made?.state.get("m.room.create\0")?.pdu.sender, ada.userId);
  assert.equal((await house.setState(ben, room, "m.room.name", { name: "x" })).status, 403);
});

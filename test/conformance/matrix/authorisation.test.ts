/**
 * Who may do what in a room, asked of the server itself and not of its rules: every kind of person tries everything, in
 * each room version that differs, and what is refused leaves no trace (specification §Authorization rules).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Reply, User } from "../../apps/matrix/fixture.ts";
import { accepted, type House, openHouse, path } from "../../apps/matrix/rooms/house.ts";

let house: House;
const people = new Map<string, User>();
const names = ["host", "helper", "peer", "member", "invited", "knocking", "left", "banned", "stranger"];
before(async () => {
  house = await openHouse();
  for (const name of [...names, "visitor"]) people.set(name, await house.fixture.user(name));
});
after(async () => {
  assert.deepEqual(house.fixture.log, []);
  await house.fixture.close();
});

const person = (name: string): User => {
  const found = people.get(name);
  assert.ok(found, name);
  return found;
};
const idOf = (name: string): string => `@${name}:burrow.localhost`;

/** What the host said, by room. */
const messages = new Map<string, string>();

/** A room with one of each: the host above all, two moderators, and everybody as their name says. */
async function furnish(room_version: string): Promise<string> {
  const host = person("host");
  const users = {
    ...(room_version !== "12" && { [host.userId]: 100 }),
    [idOf("helper")]: 50,
    [idOf("peer")]: 50,
  };
  const events = { "org.example.open": 0, "m.room.encryption": 100, "m.room.tombstone": 100 };
  const levels = { users, invite: 50, events };
  const room = await house.make(host, {
    room_version,
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "knock" } }],
    power_level_content_override: levels,
  });
  for (const name of ["helper", "peer", "member", "left", "banned"]) {
    accepted(await house.act(host, "invite", room, { user_id: idOf(name) }));
    accepted(await house.act(person(name), "join", room));
  }
  accepted(await house.act(person("left"), "leave", room));
  accepted(await house.act(host, "ban", room, { user_id: idOf("banned") }));
  accepted(await house.act(host, "invite", room, { user_id: idOf("invited") }));
  messages.set(room, await house.say(host, room, "hello"));
  accepted(await house.call(person("knocking"), "POST", `/knock/${path(room)}`, {}));
  return room;
}

type Act = (who: User, room: string) => Promise<Reply>;
const on =
  (what: string, target: string): Act =>
  (who, room) =>
    house.act(who, what, room, { user_id: idOf(target) });
const set =
  (type: string, content: object, key = ""): Act =>
  (who, room) =>
    house.setState(who, room, type, content, key);
const membership = (value: string, target: string): Act =>
  set("m.room.member", { membership: value }, idOf(target));
let transactions = 0;
const put =
  (what: (room: string) => string): Act =>
  (who, room) => {
    transactions += 1;
    return house.call(who, "PUT", `/rooms/${path(room)}/${what(room)}/a${transactions}`, { body: "x" });
  };
/** The power levels with one change. */
const level =
  (change: (levels: { users: Record<string, number>; [key: string]: unknown }) => void): Act =>
  async (who, room) => {
    const at = `/rooms/${path(room)}/state/m.room.power_levels`;
    const { body } = await house.call(person("host"), "GET", at);
    change(body);
    return house.setState(who, room, "m.room.power_levels", body);
  };

/** What is done, and who may. Whoever is not named is refused. */
const acts: readonly [string, Act, readonly string[]][] = [
  ["sends a message", put(() => "send/m.room.message"), ["host", "helper", "peer", "member"]],
  ["redacts it", put((room) => `redact/${path(messages.get(room) ?? "")}`), ["host", "helper", "peer"]],
  ["names the room", set("m.room.name", { name: "mine" }), ["host", "helper", "peer"]],
  ["sets state that everyone may", set("org.example.open", { x: 1 }), ["host", "helper", "peer", "member"]],
  ["sets state under another's id", set("org.example.open", { x: 1 }, "@visitor:burrow.localhost"), []],
  ["encrypts the room", set("m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" }), ["host"]],
  ["closes the room", set("m.room.tombstone", { replacement_room: "!x", body: "" }), ["host"]],
  ["makes a second create event", set("m.room.create", { room_version: "11", again: true }), []],
  ["invites a stranger", on("invite", "visitor"), ["host", "helper", "peer"]],
  ["invites who knocks", on("invite", "knocking"), ["host", "helper", "peer"]],
  ["invites the banned", on("invite", "banned"), []],
  ["invites who is in", on("invite", "member"), []],
  ["kicks a member", on("kick", "member"), ["host", "helper", "peer"]],
  ["takes an invitation back", on("kick", "invited"), ["host", "helper", "peer"]],
  ["kicks a moderator", on("kick", "peer"), ["host"]],
  ["kicks the host", on("kick", "host"), []],
  ["bans who left", on("ban", "left"), ["host", "helper", "peer"]],
  ["bans a moderator", on("ban", "peer"), ["host"]],
  ["bans the host", on("ban", "host"), []],
  ["lifts a ban", on("unban", "banned"), ["host", "helper", "peer"]],
  ["joins somebody else", membership("join", "left"), []],
  ["knocks for somebody else", membership("knock", "visitor"), []],
  ["takes a moderator's level", level(({ users }) => delete users[idOf("peer")]), ["host", "peer"]],
  ["raises a member", level(({ users }) => (users[idOf("member")] = 50)), ["host", "helper", "peer"]],
  ["raises a member above a moderator", level(({ users }) => (users[idOf("member")] = 51)), ["host"]],
  ["opens the room to all", level((levels) => (levels["invite"] = 0)), ["host", "helper", "peer"]],
  ["asks more for kicks", level((levels) => (levels["kick"] = 60)), ["host"]],
];

const kicks = new Map([
  ["member", "kicks a member"],
  ["peer", "kicks a moderator"],
  ["host", "kicks the host"],
  ["invited", "takes an invitation back"],
]);

for (const version of ["10", "11", "12"]) {
  test(`version ${version}: everybody tries everything`, async () => {
    const room = await furnish(version);
    const wrong: string[] = [];
    for (const [what, act, allowed] of acts) {
      for (const name of names.filter((each) => !allowed.includes(each))) {
        // To kick oneself is to leave.
        if (what === kicks.get(name)) continue;
        const reply = await act(person(name), room);
        // Version 12 has no second create event in any form; otherwise it is the rules that refuse.
        const isRefused = reply.status === 403 || (what.includes("create event") && reply.status === 400);
        if (!isRefused) wrong.push(`${name} ${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
      }
    }
    assert.deepEqual(wrong, []);
    // All those refusals: not one event, and everybody where they were.
    const events = await house.history(person("host"), room);
    assert.equal(events.at(-1).content.membership, "knock");
    const { body } = await house.call(person("host"), "GET", `/rooms/${path(room)}/members`);
    const found = body.chunk.map((event: { state_key: string; content: { membership: string } }) => [
      event.state_key.slice(1).split(":")[0],
      event.content.membership,
    ]);
    assert.deepEqual(Object.fromEntries(found), {
      host: "join",
      helper: "join",
      peer: "join",
      member: "join",
      invited: "invite",
      knocking: "knock",
      left: "leave",
      banned: "ban",
    });
  });

  test(`version ${version}: whoever may, can`, async () => {
    for (const [what, act, allowed] of acts.filter(([, , who]) => who.length > 0)) {
      // The least of them, in a room where nothing was done yet: then everyone above.
      const room = await furnish(version);
      const least = allowed.at(-1)!;
      const reply = await act(person(least), room);
      assert.equal(reply.status, 200, `${least} ${what}: ${JSON.stringify(reply.body)}`);
    }
  });
}

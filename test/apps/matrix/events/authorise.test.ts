import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuthFacts, authorise, mayRedact } from "../../../../origin/apps/matrix/events/authorise.ts";
import type { AuthState, JsonObject, Pdu } from "../../../../origin/apps/matrix/events/event.ts";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import { ada, ben, cleo, roomState, type StateParts, versions } from "./room-state.ts";

const roomId = (state: AuthState): string =>
  state.version.roomIdIsHash ? `!${state.get("m.room.create", "")?.eventId.slice(1)}` : "!r:example.org";

function pdu(
  state: AuthState,
  type: string,
  sender: string,
  content: JsonObject,
  more: Partial<Pdu> = {},
): Pdu {
  return {
    room_id: roomId(state),
    type,
    sender,
    content,
    origin_server_ts: 1,
    prev_events: ["$before"],
    auth_events: [],
    depth: 9,
    hashes: { sha256: "" },
    ...more,
  };
}

const member = (
  state: AuthState,
  sender: string,
  target: string,
  content: JsonObject,
  more: Partial<Pdu> = {},
): Pdu => pdu(state, "m.room.member", sender, content, { state_key: target, ...more });

function allowed(event: Pdu, state: AuthState, facts?: AuthFacts): void {
  assert.doesNotThrow(() => authorise(event, state, facts));
}

function refused(event: Pdu, state: AuthState, reason: RegExp, facts?: AuthFacts): void {
  assert.throws(
    () => authorise(event, state, facts),
    (error) => {
      assert.ok(error instanceof MatrixError, String(error));
      assert.deepEqual([error.status, error.errcode], [403, "M_FORBIDDEN"]);
      assert.match(error.message, reason);
      return true;
    },
  );
}

const eachVersion = Object.values(versions);

const nowhere = (version: AuthState["version"]): AuthState => ({ version, get: () => undefined });

function create(state: AuthState, content: JsonObject, more: Partial<Pdu> = {}): Pdu {
  const { room_id: _, ...made } = pdu(state, "m.room.create", ada, content, {
    state_key: "",
    prev_events: [],
  });
  return { ...made, ...(state.version.roomIdIsHash ? {} : { room_id: "!r:example.org" }), ...more };
}

test("create: nothing before it, one room version, one room id", () => {
  const [v10, v11, v12] = [nowhere(versions[10]), nowhere(versions[11]), nowhere(versions[12])];
  allowed(create(v10, { room_version: "10", creator: ada }), v10);
  allowed(create(v11, { room_version: "11" }), v11);
  allowed(create(v12, { room_version: "12", additional_creators: [ben] }), v12);

  refused(create(v10, { room_version: "10" }), v10, /name the creator/);
  refused(create(v11, { room_version: "11" }, { prev_events: ["$x"] }), v11, /exists already/);
  refused(create(v11, { room_version: "11" }, { room_id: "!r:elsewhere.example.org" }), v11, /server name/);
  refused(create(v11, { room_version: "11" }, { state_key: "x" }), v11, /state key/);
  refused(create(v11, { room_version: "999" }), v11, /room version/);
  refused(create(v12, { room_version: "12" }, { room_id: "!r:example.org" }), v12, /no room id/);
  for (const odd of ["x", [1], ["ben"], [null], {}]) {
    refused(create(v12, { room_version: "12", additional_creators: odd }), v12, /additional_creators/);
  }
  const made = roomState({ members: { [ben]: "join" } });
  const again = create(made, { room_version: "11" }, { prev_events: [] });
  refused(again, made, /exists already/);
  assert.throws(() => authorise({ ...again, sender: ben }, made), { errcode: "M_BAD_JSON" });
});

test("without a create event nothing is allowed", () => {
  const empty: AuthState = { version: versions[11], get: () => undefined };
  refused(member(empty, ada, ada, { membership: "join" }), empty, /no create event/);
});

test("version 12: the room id must be the create event's hash", () => {
  const state = roomState({ version: versions[12], members: { [ada]: "join" } });
  allowed(pdu(state, "m.room.message", ada, {}), state);
  refused(pdu(state, "m.room.message", ada, {}, { room_id: "!other" }), state, /hash of its create event/);
});

test("a room that does not federate is closed to other servers' users", () => {
  const state = roomState({ create: { "m.federate": false }, members: { "@eve:other.example": "join" } });
  refused(pdu(state, "m.room.message", "@eve:other.example", {}), state, /other servers/);
});

test("the creator's join right after the create event is let through", () => {
  for (const version of eachVersion) {
    const state = roomState({ version, create: { additional_creators: [ben] } });
    const first = { prev_events: ["$m.room.create"] };
    allowed(member(state, ada, ada, { membership: "join" }, first), state);
    refused(member(state, ben, ben, { membership: "join" }, first), state, /invitation/);
    refused(member(state, ben, ada, { membership: "join" }, first), state, /on behalf/);
    refused(member(state, ada, ada, { membership: "join" }), state, /invitation/);
    const later = { prev_events: ["$m.room.create", "$another"] };
    refused(member(state, ada, ada, { membership: "join" }, later), state, /invitation/);
  }
});

test("join: who gets in by which rule", () => {
  const table: [rule: JsonObject[string], before: string, enters: boolean][] = [
    ["public", "leave", true],
    ["public", "knock", true],
    ["public", "ban", false],
    ["invite", "leave", false],
    ["invite", "knock", false],
    ["invite", "invite", true],
    ["invite", "join", true],
    ["invite", "ban", false],
    ["knock", "knock", false],
    ["knock", "invite", true],
    ["restricted", "leave", false],
    ["restricted", "invite", true],
    ["restricted", "join", true],
    ["restricted", "ban", false],
    ["knock_restricted", "knock", false],
    ["knock_restricted", "invite", true],
    ["private", "invite", false],
    ["nonsense", "invite", false],
    [7, "leave", false],
    [7, "invite", true],
  ];
  for (const version of eachVersion) {
    for (const [joinRule, before, enters] of table) {
      const state = roomState({ version, joinRule, members: { [ada]: "join", [ben]: before } });
      const join = member(state, ben, ben, { membership: "join" });
      if (enters) allowed(join, state);
      else refused(join, state, /./);
    }
  }
});

test("without a join rule a room is by invitation", () => {
  const state = roomState({ members: { [ben]: "invite" } });
  allowed(member(state, ben, ben, { membership: "join" }), state);
  refused(member(state, cleo, cleo, { membership: "join" }), state, /invitation/);
});

test("a ban holds in a public room", () => {
  const state = roomState({ joinRule: "public", members: { [ben]: "ban" } });
  refused(member(state, ben, ben, { membership: "join" }), state, /banned/);
});

test("nobody joins on someone else's behalf", () => {
  const state = roomState({
    joinRule: "public",
    members: { [ada]: "join" },
    powerLevels: { users: { [ada]: 100 } },
  });
  refused(member(state, ada, ben, { membership: "join" }), state, /on behalf/);
});

test("restricted: the server vouches by a member who may invite, and the client cannot write that itself", () => {
  for (const joinRule of ["restricted", "knock_restricted"]) {
    const parts: StateParts = { joinRule, members: { [ada]: "join", [cleo]: "leave" } };
    const state = roomState({ ...parts, powerLevels: { invite: 50, users: { [ada]: 50, [cleo]: 50 } } });
    const join = (via: string): Pdu =>
      member(state, ben, ben, { membership: "join", join_authorised_via_users_server: via });
    allowed(join(ada), state, { vouchedBy: ada });
    refused(join(ada), state, /for the server to set/);
    refused(join(ada), state, /for the server to set/, { vouchedBy: cleo });
    refused(join(cleo), state, /may invite/, { vouchedBy: cleo });
    refused(member(state, ben, ben, { membership: "join" }), state, /rooms? whose members/, {
      vouchedBy: ada,
    });
    const weak = roomState({ ...parts, powerLevels: { invite: 50 } });
    refused(join(ada), weak, /may invite/, { vouchedBy: ada });
  }
});

test("the mark of a vouched join is refused wherever the server did not set it", () => {
  const state = roomState({ joinRule: "public", members: { [ada]: "join" } });
  refused(
    member(state, ben, ben, { membership: "join", join_authorised_via_users_server: ada }),
    state,
    /for the server to set/,
  );
});

test("invite: by members of the invite level, which is 0 by default, and never of the joined or banned", () => {
  const parts: StateParts = { members: { [ada]: "join", [ben]: "join" } };
  const state = roomState(parts);
  allowed(member(state, ben, cleo, { membership: "invite" }), state);
  refused(member(state, cleo, "@d:example.org", { membership: "invite" }), state, /not in this room/);
  refused(member(state, ada, ben, { membership: "invite" }), state, /already in/);

  const strict = roomState({ ...parts, powerLevels: { invite: 50, users: { [ada]: 100 } } });
  refused(member(strict, ben, cleo, { membership: "invite" }), strict, /may not invite/);
  allowed(member(strict, ada, cleo, { membership: "invite" }), strict);

  for (const before of ["leave", "knock", "invite"]) {
    const known = roomState({ members: { [ada]: "join", [cleo]: before } });
    allowed(member(known, ada, cleo, { membership: "invite" }), known);
  }
  const banned = roomState({ members: { [ada]: "join", [cleo]: "ban" } });
  refused(member(banned, ada, cleo, { membership: "invite" }), banned, /banned/);
});

test("invitations through a third party are refused", () => {
  const state = roomState({ members: { [ada]: "join" } });
  for (const odd of [{}, { signed: { mxid: ben, token: "t" } }, null]) {
    refused(member(state, ada, ben, { membership: "invite", third_party_invite: odd }), state, /e-mail/);
  }
});

test("leave: one may leave, decline an invitation and take back a knock, but not walk out of a ban", () => {
  for (const before of ["join", "invite", "knock"]) {
    const state = roomState({ members: { [ben]: before } });
    allowed(member(state, ben, ben, { membership: "leave" }), state);
  }
  for (const before of ["ban", "leave"]) {
    const state = roomState({ members: { [ben]: before } });
    refused(member(state, ben, ben, { membership: "leave" }), state, /./);
  }
  const stranger = roomState({ members: { [ada]: "join" } });
  refused(member(stranger, ben, ben, { membership: "leave" }), stranger, /not in this room/);
});

test("kick and ban take their level and standing above the target", () => {
  const powerLevels = { users: { [ada]: 100, [ben]: 50 } };
  const state = roomState({ members: { [ada]: "join", [ben]: "join", [cleo]: "join" }, powerLevels });
  for (const membership of ["leave", "ban"]) {
    allowed(member(state, ada, ben, { membership }), state);
    allowed(member(state, ben, cleo, { membership }), state);
    refused(member(state, ben, ada, { membership }), state, /stand above/);
    refused(member(state, cleo, ben, { membership }), state, /may not/);
    refused(member(state, "@d:example.org", cleo, { membership }), state, /not in this room/);
  }
  const equals = roomState({
    members: { [ada]: "join", [ben]: "join" },
    powerLevels: { users: { [ada]: 100, [ben]: 100 } },
  });
  refused(member(equals, ada, ben, { membership: "ban" }), equals, /stand above/);
  // Nobody bans oneself, for nobody stands above oneself.
  refused(member(equals, ada, ada, { membership: "ban" }), equals, /stand above/);
});

test("lifting a ban takes the ban level, the kick level and standing above the banned", () => {
  const members = { [ada]: "join", [ben]: "join", [cleo]: "ban" };
  const unban = (levels: JsonObject): [Pdu, AuthState] => {
    const state = roomState({ members, powerLevels: levels });
    return [member(state, ben, cleo, { membership: "leave" }), state];
  };
  allowed(...unban({ ban: 50, kick: 50, users: { [ben]: 50 } }));
  refused(...unban({ ban: 60, kick: 50, users: { [ben]: 50 } }), /lift bans/);
  refused(...unban({ ban: 50, kick: 60, users: { [ben]: 50 } }), /remove people/);
  refused(...unban({ users: { [ben]: 50, [cleo]: 50 } }), /stand above/);
});

test("knock: only where the rule takes knocks, only for oneself, only from outside", () => {
  for (const joinRule of ["knock", "knock_restricted"]) {
    for (const before of ["leave", "knock"]) {
      const state = roomState({ joinRule, members: { [ben]: before } });
      allowed(member(state, ben, ben, { membership: "knock" }), state);
    }
    for (const before of ["ban", "invite", "join"]) {
      const state = roomState({ joinRule, members: { [ben]: before } });
      refused(member(state, ben, ben, { membership: "knock" }), state, /./);
    }
    const state = roomState({ joinRule, members: { [ada]: "join" } });
    refused(member(state, ada, ben, { membership: "knock" }), state, /on behalf/);
  }
  for (const joinRule of ["public", "invite", "restricted"]) {
    const state = roomState({ joinRule });
    refused(member(state, ben, ben, { membership: "knock" }), state, /no knocks/);
  }
});

test("a membership needs a user and a known value", () => {
  const state = roomState({ members: { [ada]: "join" } });
  refused(pdu(state, "m.room.member", ada, { membership: "join" }), state, /state key/);
  for (const membership of ["owner", "", 1, null, { a: 1 }]) {
    refused(member(state, ada, ada, { membership }), state, /must be join/);
  }
  refused(member(state, ada, ada, {}), state, /must be join/);
});

test("only members send, and another's membership cannot be written as plain state", () => {
  const state = roomState({
    joinRule: "public",
    members: { [ada]: "join", [ben]: "invite", [cleo]: "leave" },
  });
  allowed(pdu(state, "m.room.message", ada, {}), state);
  for (const outsider of [ben, cleo, "@d:example.org"]) {
    refused(pdu(state, "m.room.message", outsider, {}), state, /not in this room/);
  }
});

test("without power levels state takes 50 and the creator stands at 100", () => {
  for (const version of eachVersion) {
    const state = roomState({ version, members: { [ada]: "join", [ben]: "join" } });
    allowed(pdu(state, "m.room.name", ada, {}, { state_key: "" }), state);
    refused(pdu(state, "m.room.name", ben, {}, { state_key: "" }), state, /takes power level 50.*yours is 0/);
    allowed(pdu(state, "m.room.message", ben, {}), state);
  }
});

test("the creator has no privilege of its own once power levels are set, up to version 11", () => {
  const parts: StateParts = { members: { [ada]: "join" }, powerLevels: { users: { [ben]: 100 } } };
  for (const version of [versions[10], versions[11]]) {
    const state = roomState({ ...parts, version });
    refused(pdu(state, "m.room.name", ada, {}, { state_key: "" }), state, /takes power level 50/);
  }
  const v12 = roomState({ ...parts, version: versions[12] });
  allowed(pdu(v12, "m.room.name", ada, {}, { state_key: "" }), v12);
});

test("the level for a type is its own, else the default of its kind", () => {
  const state = roomState({
    members: { [ada]: "join", [ben]: "join" },
    powerLevels: {
      events: { "m.room.name": 30, "m.reaction": 60, constructor: 10 },
      events_default: 20,
      state_default: 40,
      users: { [ada]: 35, [ben]: 15 },
    },
  });
  allowed(pdu(state, "m.room.name", ada, {}, { state_key: "" }), state);
  refused(pdu(state, "m.room.topic", ada, {}, { state_key: "" }), state, /40/);
  refused(pdu(state, "m.reaction", ada, {}), state, /60/);
  refused(pdu(state, "m.room.message", ben, {}), state, /20/);
  allowed(pdu(state, "constructor", ben, {}), state);
  refused(pdu(state, "toString", ben, {}), state, /20/);
});

test("redactions are ordinary events to the rules", () => {
  const state = roomState({ members: { [ben]: "join" }, powerLevels: { redact: 50 } });
  allowed(pdu(state, "m.room.redaction", ben, { redacts: "$x" }), state);
  const strict = roomState({
    members: { [ben]: "join" },
    powerLevels: { events: { "m.room.redaction": 5 } },
  });
  refused(pdu(strict, "m.room.redaction", ben, { redacts: "$x" }), strict, /5/);
});

test("a state key that begins with @ is the sender's own", () => {
  const state = roomState({ members: { [ada]: "join" } });
  allowed(pdu(state, "org.example.note", ada, {}, { state_key: ada }), state);
  allowed(pdu(state, "org.example.note", ada, {}, { state_key: "free" }), state);
  refused(pdu(state, "org.example.note", ada, {}, { state_key: ben }), state, /your own/);
  refused(pdu(state, "org.example.note", ada, {}, { state_key: "@x" }), state, /your own/);
});

test("the effect of a redaction is for one's own events, or by the redact level", () => {
  const state = roomState({
    members: { [ada]: "join", [ben]: "join" },
    powerLevels: { users: { [ada]: 50, [ben]: 49 } },
  });
  assert.equal(mayRedact(ben, ben, state), true);
  assert.equal(mayRedact(ben, ada, state), false);
  assert.equal(mayRedact(ada, ben, state), true);
});

test("version 12: creators stand above every level and above nobody's reach but each other's", () => {
  const state = roomState({
    version: versions[12],
    create: { additional_creators: [ben] },
    members: { [ada]: "join", [ben]: "join", [cleo]: "join" },
    powerLevels: { users: { [cleo]: 2 ** 53 - 1 }, events: { "m.room.tombstone": 2 ** 53 - 1 } },
  });
  allowed(pdu(state, "m.room.tombstone", ben, {}, { state_key: "" }), state);
  allowed(member(state, ben, cleo, { membership: "ban" }), state);
  refused(member(state, cleo, ben, { membership: "ban" }), state, /stand above/);
  refused(member(state, ada, ben, { membership: "leave" }), state, /stand above/);
});

test("additional_creators mean nothing before version 12", () => {
  const state = roomState({ create: { additional_creators: [ben] }, members: { [ben]: "join" } });
  refused(pdu(state, "m.room.name", ben, {}, { state_key: "" }), state, /takes power level/);
});

test("malformed old state is read as if absent, never a crash", () => {
  const odd: JsonObject[] = [
    { users: "all", events: [1], notifications: null, ban: "50", state_default: 1.5 },
    { users: { [ben]: "100" }, users_default: null },
  ];
  for (const powerLevels of odd) {
    const state = roomState({ members: { [ben]: "join" }, powerLevels });
    allowed(pdu(state, "m.room.message", ben, {}), state);
    refused(pdu(state, "m.room.name", ben, {}, { state_key: "" }), state, /50/);
  }
});

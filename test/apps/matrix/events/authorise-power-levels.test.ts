import assert from "node:assert/strict";
import { test } from "node:test";
import { authorise } from "../../../../origin/apps/matrix/events/authorise.ts";
import type { AuthState, JsonObject } from "../../../../origin/apps/matrix/events/event.ts";
import type { RoomVersion } from "../../../../origin/apps/matrix/events/room-version.ts";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import { ada, ben, cleo, roomState, versions } from "./room-state.ts";

interface Change {
  readonly version?: RoomVersion;
  readonly sender: string;
  /** undefined: the room has no power levels yet. */
  readonly from: JsonObject | undefined;
  readonly to: JsonObject;
}

function change({ version = versions[11], sender, from, to }: Change): void {
  const state: AuthState = roomState({
    version,
    members: { [ada]: "join", [ben]: "join", [cleo]: "join" },
    ...(from === undefined ? {} : { powerLevels: from }),
  });
  authorise(
    {
      room_id: version.roomIdIsHash ? "!m.room.create" : "!r:example.org",
      type: "m.room.power_levels",
      state_key: "",
      sender,
      content: to,
      origin_server_ts: 1,
      prev_events: ["$x"],
      auth_events: [],
      depth: 3,
    },
    state,
  );
}

const allowed = (wanted: Change): void => assert.doesNotThrow(() => change(wanted));

function refused(wanted: Change, errcode = "M_FORBIDDEN"): void {
  assert.throws(
    () => change(wanted),
    (error) => error instanceof MatrixError && error.errcode === errcode,
    JSON.stringify(wanted.to),
  );
}

/** Ben stands at 50 and may set the levels. */
const base: JsonObject = {
  users: { [ada]: 100, [ben]: 50 },
  events: { "m.room.power_levels": 50, "m.room.name": 50, "m.room.tombstone": 100 },
  notifications: { room: 50, org: 100 },
  ban: 50,
  kick: 100,
};

test("what stays as it is needs no level", () => {
  allowed({ sender: ben, from: base, to: base });
});

test("no level is set, or changed from, above one's own: single keys", () => {
  for (const key of ["users_default", "events_default", "state_default", "ban", "redact", "invite"]) {
    allowed({ sender: ben, from: base, to: { ...base, [key]: 49 } });
    refused({ sender: ben, from: base, to: { ...base, [key]: 51 } });
  }
  refused({ sender: ben, from: base, to: { ...base, kick: 10 } });
  const { kick: _kick, ...withoutKick } = base;
  refused({ sender: ben, from: base, to: withoutKick });
  const { ban: _ban, ...withoutBan } = base;
  allowed({ sender: ben, from: base, to: withoutBan });
});

test("no level is set, or changed from, above one's own: events and notifications", () => {
  for (const [group, low, high] of [
    ["events", "m.room.name", "m.room.tombstone"],
    ["notifications", "room", "org"],
  ] as const) {
    const was = base[group] as JsonObject;
    allowed({ sender: ben, from: base, to: { ...base, [group]: { ...was, [low]: 10 } } });
    allowed({ sender: ben, from: base, to: { ...base, [group]: { ...was, added: 50 } } });
    refused({ sender: ben, from: base, to: { ...base, [group]: { ...was, added: 51 } } });
    refused({ sender: ben, from: base, to: { ...base, [group]: { ...was, [low]: 51 } } });
    refused({ sender: ben, from: base, to: { ...base, [group]: { ...was, [high]: 10 } } });
    const { [high]: _, ...removed } = was;
    refused({ sender: ben, from: base, to: { ...base, [group]: removed } });
    const { [group]: __, ...groupGone } = base;
    refused({ sender: ben, from: base, to: groupGone });
  }
});

test("one raises nobody above oneself, and lowers nobody who stands as high", () => {
  const users = (to: JsonObject): Change => ({ sender: ben, from: base, to: { ...base, users: to } });
  allowed(users({ [ada]: 100, [ben]: 50, [cleo]: 50 }));
  refused(users({ [ada]: 100, [ben]: 50, [cleo]: 51 }));
  refused(users({ [ada]: 0, [ben]: 50 }));
  refused(users({ [ben]: 50 }));
  refused(users({ [ada]: 100, [ben]: 51 }));

  const peers: JsonObject = { ...base, users: { [ada]: 100, [ben]: 50, [cleo]: 50 } };
  refused({ sender: ben, from: peers, to: { ...peers, users: { [ada]: 100, [ben]: 50, [cleo]: 0 } } });
  refused({ sender: ben, from: peers, to: { ...peers, users: { [ada]: 100, [ben]: 50 } } });
});

test("one may give up one's own level", () => {
  allowed({ sender: ben, from: base, to: { ...base, users: { [ada]: 100, [ben]: 0 } } });
  allowed({ sender: ben, from: base, to: { ...base, users: { [ada]: 100 } } });
});

test("a level is judged by the old power levels, not by what the change would make of them", () => {
  refused({
    sender: cleo,
    from: { users: { [ada]: 100 }, events: { "m.room.power_levels": 50 } },
    to: { users: { [ada]: 100, [cleo]: 100 } },
  });
});

test("the first power levels may be anything well-formed", () => {
  allowed({ sender: ada, from: undefined, to: { users: { [ada]: 2 ** 53 - 1 }, ban: 500 } });
});

test("levels are integers, whoever sends them", () => {
  const bad: JsonObject[] = [
    { ban: "50" },
    { users_default: 1.5 },
    { kick: null },
    { invite: 2 ** 53 },
    { redact: [] },
    { events: { "m.room.name": "50" } },
    { events: [] },
    { events: "x" },
    { notifications: { room: 0.5 } },
    { notifications: null },
    { users: { [ada]: "100" } },
    { users: { [ada]: null } },
    { users: "everyone" },
    { users: [ada] },
    { users: { ada: 100 } },
    { users: { "#ada:example.org": 100 } },
  ];
  for (const version of Object.values(versions)) {
    for (const to of bad) refused({ version, sender: ada, from: undefined, to }, "M_BAD_JSON");
  }
});

test("version 12: creators do not appear among the users", () => {
  const to = { users: { [ada]: 100 } };
  refused({ version: versions[12], sender: ada, from: undefined, to }, "M_BAD_JSON");
  allowed({ version: versions[11], sender: ada, from: undefined, to });
  allowed({ version: versions[12], sender: ada, from: undefined, to: { users: { [ben]: 100 } } });
  // A creator's level has no bound, so neither has what a creator may set.
  allowed({
    version: versions[12],
    sender: ada,
    from: { users: { [ben]: 2 ** 53 - 1 }, ban: 2 ** 53 - 1 },
    to: { users: { [ben]: 0 }, ban: 2 ** 53 - 1 },
  });
});

test("a key named as a property of every object is only a key", () => {
  const odd = JSON.parse('{"__proto__": 100}') as JsonObject;
  refused({
    sender: ben,
    from: base,
    to: { ...base, events: { ...(base["events"] as JsonObject), constructor: 100 } },
  });
  refused({ sender: ben, from: base, to: { ...base, notifications: odd } });
});

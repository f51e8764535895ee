import assert from "node:assert/strict";
import { test } from "node:test";
import { authorise } from "../../../../origin/apps/matrix/events/authorise.ts";
import { eventIdOf } from "../../../../origin/apps/matrix/events/event-id.ts";
import type { AuthState, JsonObject, Pdu } from "../../../../origin/apps/matrix/events/event.ts";
import { redactPdu } from "../../../../origin/apps/matrix/events/redact.ts";
import { roomVersions, type RoomVersion } from "../../../../origin/apps/matrix/events/room-version.ts";
import { ada, ben, cleo, roomState } from "./room-state.ts";

const versionOf = (id: string): RoomVersion => {
  const version = roomVersions.get(id);
  assert.ok(version, id);
  return version;
};
const all = Array.from({ length: 12 }, (_, index) => versionOf(String(index + 1)));
const from = (first: number): RoomVersion[] => all.slice(first - 1);

function pduOf(type: string, sender: string, content: JsonObject, stateKey?: string): Pdu {
  return {
    room_id: "!r:example.org",
    type,
    sender,
    content,
    ...(stateKey !== undefined && { state_key: stateKey }),
    origin_server_ts: 1,
    prev_events: ["$before"],
    auth_events: [],
    depth: 9,
    hashes: { sha256: "aGFzaA" },
  };
}

/** The versions whose rules let the event pass. */
function passing(event: Pdu, stateOf: (version: RoomVersion) => AuthState): RoomVersion[] {
  return all.filter((version) => {
    const state = stateOf(version);
    const create = state.get("m.room.create", "")?.eventId.slice(1);
    try {
      authorise(version.roomIdIsHash ? { ...event, room_id: `!${create}` } : event, state);
      return true;
    } catch {
      return false;
    }
  });
}

test("events are named in versions 1 and 2, and are their hash from 3 on", () => {
  const pdu = pduOf("m.room.message", ada, { body: "x" });
  const forms = all.map((version) => {
    const id = eventIdOf(pdu, version);
    if (/^\$[\w-]{24}:example\.org$/.test(id)) return "name";
    return id === eventIdOf(pdu, version) ? id.length : "unsteady";
  });
  assert.deepEqual(forms, ["name", "name", ...Array.from({ length: 10 }, () => 44)]);
  // The same hash, once in either alphabet.
  const of3 = eventIdOf(pdu, versionOf("3")).replaceAll("+", "-").replaceAll("/", "_");
  assert.equal(of3, eventIdOf(pdu, versionOf("4")));
});

test("knocking, and joining by another room, begin with versions 7, 8 and 10", () => {
  const knock = pduOf("m.room.member", ben, { membership: "knock" }, ben);
  const state = (joinRule: string) => (version: RoomVersion) =>
    roomState({ version, joinRule, members: { [ada]: "join", [cleo]: "invite" } });
  assert.deepEqual(passing(knock, state("knock")), from(7));
  assert.deepEqual(passing(knock, state("knock_restricted")), from(10));
  // Not even the invited come in by a rule that the version does not know.
  const join = pduOf("m.room.member", cleo, { membership: "join" }, cleo);
  assert.deepEqual(passing(join, state("restricted")), from(8));
});

test("a redaction keeps what the version's rules still need", () => {
  const kept = (type: string, content: JsonObject, key: string): RoomVersion[] =>
    all.filter((version) => key in redactPdu(pduOf(type, ada, content, ""), version).content);
  assert.deepEqual(kept("m.room.join_rules", { join_rule: "restricted", allow: [] }, "allow"), from(8));
  const joined = { membership: "join", join_authorised_via_users_server: ada };
  assert.deepEqual(kept("m.room.member", joined, "join_authorised_via_users_server"), from(9));
  assert.deepEqual(kept("m.room.aliases", { aliases: [] }, "aliases"), all.slice(0, 5));
  assert.deepEqual(kept("m.room.create", { creator: ada, type: "m.space" }, "type"), from(11));
});

test("up to version 5 m.room.aliases belongs to the server, not to the power levels", () => {
  const state = (version: RoomVersion) =>
    roomState({ version, members: { [ben]: "join" }, powerLevels: { state_default: 50 } });
  const aliases = (key: string): Pdu => pduOf("m.room.aliases", ben, { aliases: [] }, key);
  assert.deepEqual(passing(aliases("example.org"), state), all.slice(0, 5));
  assert.deepEqual(passing(aliases("elsewhere.org"), state), []);
});

test("owned state (MSC3757): one's own keys, and the keys of those below", () => {
  const may = (id: string, sender: string, key: string): boolean => {
    const state = roomState({
      version: versionOf(id),
      members: { [ada]: "join", [ben]: "join", [cleo]: "join" },
      powerLevels: { users: { [ada]: 100, [ben]: 0 }, state_default: 0 },
    });
    try {
      authorise(pduOf("org.example.beacon", sender, {}, key), state);
      return true;
    } catch {
      return false;
    }
  };
  for (const id of ["org.matrix.msc3757.10", "org.matrix.msc3757.11"]) {
    assert.equal(may(id, ben, `${ben}_:!@# one`), true);
    assert.equal(may(id, ada, ben), true);
    assert.equal(may(id, ada, `${ben}_one`), true);
    assert.equal(may(id, cleo, `${ben}_one`), false);
    assert.equal(may(id, ben, `${ben}one`), false);
    assert.equal(may(id, ada, "@oops"), false);
  }
  assert.equal(may("10", ben, ben), true);
  assert.equal(may("10", ben, `${ben}_one`), false);
  assert.equal(may("10", ada, ben), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, Pdu } from "../../../../origin/apps/matrix/events/event.ts";
import { redactPdu } from "../../../../origin/apps/matrix/events/redact.ts";
import { ada, ben, versions } from "./room-state.ts";

const pduOf = (type: string, content: JsonObject, more: Partial<Pdu> = {}): Pdu => ({
  auth_events: ["$auth"],
  content,
  depth: 2,
  hashes: { sha256: "abc" },
  origin_server_ts: 3,
  prev_events: ["$prev"],
  room_id: "!r:example.org",
  sender: ada,
  type,
  ...more,
});

const keptOf = (type: string, content: JsonObject, version: 10 | 11 | 12): JsonObject =>
  redactPdu(pduOf(type, content), versions[version]).content;

test("a message loses all that it said", () => {
  for (const version of [10, 11, 12] as const) {
    assert.deepEqual(
      keptOf("m.room.message", { body: "x", "m.relates_to": { event_id: "$a" } }, version),
      {},
    );
  }
});

test("the event given is left as it was", () => {
  const pdu = pduOf("m.room.message", { body: "x" });
  redactPdu(pdu, versions[11]);
  assert.deepEqual(pdu, pduOf("m.room.message", { body: "x" }));
});

test("of the top level only the lists' keys survive", () => {
  const full = {
    ...pduOf("m.room.redaction", {}, { state_key: "k", redacts: "$x" }),
    membership: "join",
    origin: "example.org",
    prev_state: [],
    unsigned: { age: 1 },
    custom: 1,
  };
  const always = [
    "auth_events",
    "content",
    "depth",
    "hashes",
    "origin_server_ts",
    "prev_events",
    "room_id",
    "sender",
    "state_key",
    "type",
  ];
  assert.deepEqual(
    Object.keys(redactPdu(full, versions[10])).toSorted(),
    [...always, "membership", "origin", "prev_state"].toSorted(),
  );
  for (const version of [versions[11], versions[12]])
    assert.deepEqual(Object.keys(redactPdu(full, version)), always);
});

test("a member event keeps its membership and who authorised it", () => {
  const content = {
    membership: "join",
    displayname: "Ada",
    avatar_url: "mxc://example.org/a",
    reason: "x",
    join_authorised_via_users_server: ben,
  };
  for (const version of [10, 11, 12] as const) {
    assert.deepEqual(keptOf("m.room.member", content, version), {
      membership: "join",
      join_authorised_via_users_server: ben,
    });
  }
});

test("from version 11 on a member event keeps the signed part of a third-party invitation", () => {
  const signed = { mxid: ben, token: "t", signatures: {} };
  const content = { membership: "invite", third_party_invite: { display_name: "b...", signed } };
  assert.deepEqual(keptOf("m.room.member", content, 10), { membership: "invite" });
  assert.deepEqual(keptOf("m.room.member", content, 11), {
    membership: "invite",
    third_party_invite: { signed },
  });
  for (const odd of ["text", null, 1, ["signed"]]) {
    assert.deepEqual(keptOf("m.room.member", { membership: "invite", third_party_invite: odd }, 11), {
      membership: "invite",
    });
  }
});

test("a create event keeps its creator in version 10 and everything after", () => {
  const content = { creator: ada, room_version: "10", type: "m.space", "m.federate": false };
  assert.deepEqual(keptOf("m.room.create", content, 10), { creator: ada });
  assert.deepEqual(keptOf("m.room.create", content, 11), content);
  assert.deepEqual(keptOf("m.room.create", content, 12), content);
});

test("power levels keep `invite` from version 11 on, and never `notifications`", () => {
  const kept10 = {
    ban: 1,
    events: { a: 1 },
    events_default: 2,
    kick: 3,
    redact: 4,
    state_default: 5,
    users: { [ada]: 100 },
    users_default: 6,
  };
  const content = { ...kept10, invite: 7, notifications: { room: 50 } };
  assert.deepEqual(keptOf("m.room.power_levels", content, 10), kept10);
  assert.deepEqual(keptOf("m.room.power_levels", content, 11), { ...kept10, invite: 7 });
});

test("join rules, history visibility and redactions keep what the rules read", () => {
  const allow = [{ type: "m.room_membership", room_id: "!s:example.org" }];
  assert.deepEqual(keptOf("m.room.join_rules", { join_rule: "restricted", allow, x: 1 }, 10), {
    allow,
    join_rule: "restricted",
  });
  assert.deepEqual(keptOf("m.room.history_visibility", { history_visibility: "joined", x: 1 }, 11), {
    history_visibility: "joined",
  });
  assert.deepEqual(keptOf("m.room.redaction", { redacts: "$x", reason: "rude" }, 11), { redacts: "$x" });
  assert.deepEqual(keptOf("m.room.redaction", { redacts: "$x", reason: "rude" }, 10), {});
  assert.deepEqual(keptOf("m.room.aliases", { aliases: ["#a:example.org"] }, 10), {});
  assert.deepEqual(keptOf("m.room.name", { name: "x" }, 12), {});
});

test("redacting twice changes nothing more", () => {
  const once = redactPdu(
    pduOf("m.room.member", { membership: "join", third_party_invite: {} }),
    versions[11],
  );
  assert.deepEqual(redactPdu(once, versions[11]), once);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson } from "../../../../origin/apps/matrix/events/canonical-json.ts";
import { checkEvent } from "../../../../origin/apps/matrix/events/check-event.ts";
import type { JsonObject, Pdu } from "../../../../origin/apps/matrix/events/event.ts";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import { ada, ben } from "./room-state.ts";

function pduOf(type: string, content: JsonObject, more: Partial<Pdu> = {}): Pdu {
  return {
    auth_events: [],
    content,
    depth: 1,
    hashes: { sha256: "x".repeat(43) },
    origin_server_ts: 1,
    prev_events: [],
    room_id: "!r:example.org",
    sender: ada,
    type,
    ...more,
  };
}

function fails(pdu: Pdu, errcode: string, reason = /./): void {
  assert.throws(
    () => checkEvent(pdu),
    (error) => {
      assert.ok(error instanceof MatrixError, `${String(error)} for ${JSON.stringify(pdu.content)}`);
      assert.equal(error.errcode, errcode, JSON.stringify(pdu.content));
      assert.equal(error.status, errcode === "M_TOO_LARGE" ? 413 : 400);
      assert.match(error.message, reason);
      return true;
    },
  );
}

test("an event of exactly 65,536 bytes passes, one byte more does not", () => {
  const room = 65_536 - Buffer.byteLength(canonicalJson(pduOf("m.room.message", { body: "" })));
  checkEvent(pduOf("m.room.message", { body: "x".repeat(room) }));
  fails(pduOf("m.room.message", { body: "x".repeat(room + 1) }), "M_TOO_LARGE", /65537 bytes/);
  // Bytes count, not characters.
  fails(pduOf("m.room.message", { body: "é".repeat(room - 1) }), "M_TOO_LARGE");
  assert.throws(() => checkEvent(pduOf("m.room.message", {}), 65_537), { errcode: "M_TOO_LARGE" });
});

test("type, state key, sender and room id take at most 255 bytes each", () => {
  checkEvent(pduOf("t".repeat(255), {}, { state_key: "k".repeat(255) }));
  fails(pduOf("t".repeat(256), {}), "M_TOO_LARGE", /^type/);
  fails(pduOf("t", {}, { state_key: "k".repeat(256) }), "M_TOO_LARGE", /^state_key/);
  fails(pduOf("t", {}, { state_key: "é".repeat(128) }), "M_TOO_LARGE", /^state_key/);
  fails(pduOf("t", {}, { sender: `@${"a".repeat(255)}` }), "M_TOO_LARGE", /^sender/);
  fails(pduOf("t", {}, { room_id: `!${"a".repeat(255)}` }), "M_TOO_LARGE", /^room_id/);
});

test("names hold no NUL, and a type is never empty", () => {
  fails(pduOf("a\0b", {}), "M_INVALID_PARAM");
  fails(pduOf("t", {}, { state_key: "a\0b" }), "M_INVALID_PARAM");
  fails(pduOf("", {}), "M_INVALID_PARAM");
  checkEvent(pduOf("t", {}, { state_key: "" }));
});

test("the content is an object", () => {
  for (const odd of ["x", 1, null, [], true])
    fails(pduOf("t", odd as unknown as JsonObject), "M_BAD_JSON", /content/);
});

const oddValues = ["text", 7, true, null, [], [1], [null], {}, { a: 1 }];

test("a well-formed content of each type passes, and what the server does not read is the client's affair", () => {
  const contents: [string, JsonObject, string?][] = [
    [
      "m.room.create",
      { room_version: "11", type: "m.space", "m.federate": false, predecessor: { room_id: "!a" } },
    ],
    ["m.room.create", { room_version: "12", additional_creators: [ben] }],
    [
      "m.room.member",
      { membership: "join", displayname: null, avatar_url: "mxc://example.org/a", custom: [1] },
      ben,
    ],
    ["m.room.create", { room_version: "11", additional_creators: "nobody looks" }],
    ["m.room.join_rules", { join_rule: "restricted", allow: ["invalid"] }],
    ["m.room.join_rules", { join_rule: "restricted", allow: "invalid" }],
    ["m.room.member", { membership: "ban", reason: "rude" }, ben],
    ["m.room.power_levels", { users: { [ada]: 100 }, custom: "x" }],
    ["m.room.power_levels", {}],
    [
      "m.room.join_rules",
      { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: "!a" }, {}] },
    ],
    ["m.room.history_visibility", { history_visibility: "joined" }],
    ["m.room.guest_access", { guest_access: "forbidden" }],
    ["m.room.canonical_alias", { alias: null, alt_aliases: ["#a:example.org"] }],
    ["m.room.canonical_alias", {}],
    ["m.room.name", { name: "" }],
    ["m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" }],
    ["m.room.tombstone", { body: "moved", replacement_room: "!b" }],
    ["org.example.custom", { users: "everyone", membership: 7 }],
  ];
  for (const [type, content, key = ""] of contents) checkEvent(pduOf(type, content, { state_key: key }));
});

test("odd values where the server reads on are refused by name, never a crash", () => {
  const required: [type: string, key: string][] = [
    ["m.room.member", "membership"],
    ["m.room.join_rules", "join_rule"],
    ["m.room.history_visibility", "history_visibility"],
    ["m.room.guest_access", "guest_access"],
  ];
  for (const [type, key] of required) {
    fails(pduOf(type, {}, { state_key: ben }), "M_BAD_JSON", new RegExp(`^${key}`));
    for (const odd of oddValues) fails(pduOf(type, { [key]: odd }, { state_key: ben }), "M_BAD_JSON");
  }
  const valid: Record<string, JsonObject> = {
    "m.room.member": { membership: "join" },
  };
  const optional: [type: string, key: string, allowed: unknown[]][] = [
    ["m.room.create", "room_version", ["text"]],
    ["m.room.create", "creator", []],
    ["m.room.create", "type", ["text"]],
    ["m.room.create", "m.federate", [true]],
    ["m.room.create", "predecessor", [{}, { a: 1 }]],
    ["m.room.member", "displayname", ["text", null]],
    ["m.room.member", "avatar_url", ["text", null]],
    ["m.room.member", "reason", ["text"]],
    ["m.room.member", "is_direct", [true]],
    ["m.room.member", "join_authorised_via_users_server", []],
    ["m.room.member", "third_party_invite", [{}, { a: 1 }]],
    ["m.room.power_levels", "ban", [7]],
    ["m.room.power_levels", "users", [{}]],
    ["m.room.power_levels", "events", [{}, { a: 1 }]],
    ["m.room.power_levels", "notifications", [{}, { a: 1 }]],
    ["m.room.canonical_alias", "alias", ["text", null]],
    ["m.room.canonical_alias", "alt_aliases", [[]]],
    ["m.room.name", "name", ["text", null]],
    ["m.room.topic", "topic", ["text", null]],
    ["m.room.avatar", "url", ["text", null]],
    ["m.room.encryption", "algorithm", ["text"]],
    ["m.room.tombstone", "replacement_room", ["text"]],
    ["m.room.redaction", "redacts", ["text"]],
  ];
  for (const [type, key, allowed] of optional) {
    for (const value of oddValues) {
      const pdu = pduOf(type, { ...valid[type], [key]: value }, { state_key: ben });
      if (allowed.some((good) => JSON.stringify(good) === JSON.stringify(value))) checkEvent(pdu);
      else fails(pdu, "M_BAD_JSON", new RegExp(key.replaceAll(".", "\\.")));
    }
  }
  fails(pduOf("m.room.create", { predecessor: { room_id: 1 } }), "M_BAD_JSON", /room_id/);
});

test("a membership belongs to a user", () => {
  for (const key of [
    undefined,
    "",
    "ada",
    "#a:example.org",
    "@ada",
    "@ada:",
    "@ada:example.org/x",
    `@${"a".repeat(250)}:b.example`,
  ]) {
    const pdu = pduOf("m.room.member", { membership: "join" }, key === undefined ? {} : { state_key: key });
    assert.throws(() => checkEvent(pdu), { name: "MatrixError" }, key);
  }
  for (const key of ["@ada:example.org", "@ADA:example.org:8448", "@ä b:[2001:db8::1]"]) {
    checkEvent(pduOf("m.room.member", { membership: "join" }, { state_key: key }));
  }
});

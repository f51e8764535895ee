import type { JsonObject, Pdu } from "./event.ts";
import type { RoomVersion } from "./room-version.ts";

// `signatures`, which the lists also name, are left out: this server keeps none, and no hash covers them.
const topLevelFrom11 = [
  "auth_events",
  "content",
  "depth",
  "event_id",
  "hashes",
  "origin_server_ts",
  "prev_events",
  "room_id",
  "sender",
  "state_key",
  "type",
];
// In the order of canonical JSON, which spares the hash a sort.
const topLevelOf10 = [...topLevelFrom11, "membership", "origin", "prev_state"].toSorted();

const contentOf10: ReadonlyMap<string, readonly string[]> = new Map([
  ["m.room.create", ["creator"]],
  ["m.room.history_visibility", ["history_visibility"]],
  ["m.room.join_rules", ["allow", "join_rule"]],
  ["m.room.member", ["join_authorised_via_users_server", "membership"]],
  [
    "m.room.power_levels",
    ["ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"],
  ],
]);
const contentFrom11: ReadonlyMap<string, readonly string[]> = new Map([
  ...contentOf10,
  [
    "m.room.power_levels",
    [
      "ban",
      "events",
      "events_default",
      "invite",
      "kick",
      "redact",
      "state_default",
      "users",
      "users_default",
    ],
  ],
  ["m.room.redaction", ["redacts"]],
]);

/**
 * What a redaction leaves of an event, and what its id is the hash of (Room Versions 1, 6, 8, 9 and 11 §Redactions; the
 * others keep what the one before has). A new object; the event itself is unchanged. Redacting twice changes nothing more.
 */
export function redactPdu(pdu: Pdu, version: RoomVersion): Pdu {
  const source: Readonly<Record<string, unknown>> = { ...pdu };
  const kept: Record<string, unknown> = {};
  for (const key of version.redactsInContent ? topLevelFrom11 : topLevelOf10) {
    if (source[key] !== undefined) kept[key] = source[key];
  }
  kept["content"] = redactContent(pdu.type, pdu.content, version);
  // Every key that Pdu requires stands in both lists.
  return kept as unknown as Pdu;
}

/** What a redaction leaves of the content of an event of this type. */
export function redactContent(type: string, content: JsonObject, version: RoomVersion): JsonObject {
  if (version.redactsInContent && type === "m.room.create") return content;
  const allowed = (version.redactsInContent ? contentFrom11 : contentOf10).get(type);
  const kept: JsonObject = {};
  for (const key of (version.aliasEvents && type === "m.room.aliases" ? ["aliases"] : allowed) ?? []) {
    if (key === "allow" && !version.restrictedJoins) continue;
    if (key === "join_authorised_via_users_server" && !version.keepsVoucher) continue;
    const value = content[key];
    if (value !== undefined) kept[key] = value;
  }
  if (version.redactsInContent && type === "m.room.member") {
    const invite = content["third_party_invite"];
    if (typeof invite === "object" && invite !== null && !Array.isArray(invite)) {
      // The rules need the proof that the invited address was the joiner's, and nothing else of it (MSC3821).
      const signed = invite["signed"];
      kept["third_party_invite"] = signed === undefined ? {} : { signed };
    }
  }
  return kept;
}

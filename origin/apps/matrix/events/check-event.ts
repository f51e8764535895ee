import { badJson, invalidParam, tooLarge } from "../matrix-error.ts";
import { checkPowerLevelsShape } from "./authorise-power-levels.ts";
import type { Json, JsonObject, Pdu } from "./event.ts";
import { isUserId, isWithinIdLimit, maximumIdBytes } from "./identifiers.ts";

/** The whole event as canonical JSON, in bytes (specification §Size limits). */
const maximumEventBytes = 65_536;

/**
 * Form before rules: sizes, and the types of those values that the server itself reads from an event later.
 * Everything else in a content is the clients' affair. `canonicalBytes` is the event's size as canonical JSON; keys in
 * another order make it no longer. Throws M_TOO_LARGE (413), M_BAD_JSON or M_INVALID_PARAM (400).
 */
export function checkEvent(pdu: Pdu, canonicalBytes = Buffer.byteLength(JSON.stringify(pdu))): void {
  if (canonicalBytes > maximumEventBytes) {
    throw tooLarge(`The event takes ${canonicalBytes} bytes; the limit is ${maximumEventBytes}.`);
  }
  checkName("type", pdu.type);
  checkName("sender", pdu.sender);
  if (pdu.state_key !== undefined) checkName("state_key", pdu.state_key);
  if (pdu.room_id !== undefined) checkName("room_id", pdu.room_id);
  if (pdu.type === "") throw invalidParam("The event type must not be empty.");
  if (!isObject(pdu.content)) throw badJson("content must be an object.");
  contentChecks.get(pdu.type)?.(pdu.content, pdu);
}

function checkName(name: string, value: unknown): void {
  if (typeof value !== "string") throw badJson(`${name} must be a string.`);
  if (!isWithinIdLimit(value)) throw tooLarge(`${name} may take at most ${maximumIdBytes} bytes.`);
  // SQLite's tools end a text at its first NUL, and no name has a use for one.
  if (value.includes("\0")) throw invalidParam(`${name} must not contain U+0000.`);
}

type Check = (content: JsonObject, pdu: Pdu) => void;

const contentChecks: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    "m.room.create",
    (content) => {
      must(content, "room_version", isString, "a string");
      must(content, "creator", isUserId, "a user id");
      must(content, "type", isString, "a string");
      must(content, "m.federate", isBoolean, "true or false");
      must(content, "predecessor", isObject, "an object");
      if (isObject(content["predecessor"])) must(content["predecessor"], "room_id", isString, "a string");
    },
  ],
  [
    "m.room.member",
    (content, pdu) => {
      if (!isUserId(pdu.state_key)) throw badJson("The state key of a membership must be a user id.");
      mustHave(content, "membership", oneOf(["join", "invite", "leave", "ban", "knock"]));
      must(content, "displayname", isStringOrNull, "a string");
      must(content, "avatar_url", isStringOrNull, "a string");
      must(content, "reason", isString, "a string");
      must(content, "is_direct", isBoolean, "true or false");
      must(content, "join_authorised_via_users_server", isUserId, "a user id");
      must(content, "third_party_invite", isObject, "an object");
    },
  ],
  ["m.room.power_levels", checkPowerLevelsShape],
  [
    "m.room.join_rules",
    (content) => {
      mustHave(
        content,
        "join_rule",
        oneOf(["public", "invite", "knock", "restricted", "knock_restricted", "private"]),
      );
    },
  ],
  [
    "m.room.history_visibility",
    (content) => {
      mustHave(content, "history_visibility", oneOf(["invited", "joined", "shared", "world_readable"]));
    },
  ],
  ["m.room.guest_access", (content) => mustHave(content, "guest_access", oneOf(["can_join", "forbidden"]))],
  [
    "m.room.canonical_alias",
    (content) => {
      must(content, "alias", isStringOrNull, "a string");
      must(content, "alt_aliases", isListOf(isString), "a list of strings");
    },
  ],
  ["m.room.name", (content) => must(content, "name", isStringOrNull, "a string")],
  ["m.room.topic", (content) => must(content, "topic", isStringOrNull, "a string")],
  ["m.room.avatar", (content) => must(content, "url", isStringOrNull, "a string")],
  ["m.room.encryption", (content) => must(content, "algorithm", isString, "a string")],
  ["m.room.tombstone", (content) => must(content, "replacement_room", isString, "a string")],
  ["m.room.redaction", (content) => must(content, "redacts", isString, "an event id")],
]);

/** The key may be absent. */
function must(content: JsonObject, key: string, holds: (value: Json) => boolean, kind: string): void {
  const value = content[key];
  if (value !== undefined && !holds(value)) throw badJson(`${key} must be ${kind}.`);
}

function mustHave(content: JsonObject, key: string, choice: Choice): void {
  if (!choice.holds(content[key])) throw badJson(`${key} must be one of ${choice.values.join(", ")}.`);
}

interface Choice {
  readonly values: readonly string[];
  readonly holds: (value: Json | undefined) => boolean;
}

const oneOf = (values: readonly string[]): Choice => ({
  values,
  holds: (value) => typeof value === "string" && values.includes(value),
});
const isString = (value: Json): boolean => typeof value === "string";
const isStringOrNull = (value: Json): boolean => typeof value === "string" || value === null;
const isBoolean = (value: Json): boolean => typeof value === "boolean";
const isListOf =
  (holds: (value: Json) => boolean) =>
  (value: Json): boolean =>
    Array.isArray(value) && value.every(holds);

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { hash, randomBytes } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import type { Pdu } from "./event.ts";
import { domainOf } from "./identifiers.ts";
import { redactPdu } from "./redact.ts";
import type { RoomVersion } from "./room-version.ts";

/**
 * The hash of the whole event, for its `hashes.sha256` (Server-Server §Calculating the content hash).
 * Throws M_BAD_JSON for content that has no canonical form.
 */
export function contentHash(pdu: Omit<Pdu, "hashes">): string {
  return hash("sha256", canonicalJson(pdu), "base64").replace(/=+$/, "");
}

/**
 * The event's id: its reference hash (Server-Server §Calculating the reference hash; Room Versions 3 and 4 §Event IDs),
 * the same before and after redaction. In versions 1 and 2 a name instead, another each time.
 */
export function eventIdOf(pdu: Pdu, version: RoomVersion): string {
  if (version.eventIds === "named")
    return `$${randomBytes(18).toString("base64url")}:${domainOf(pdu.sender)}`;
  return `$${referenceHash(pdu, version, version.eventIds)}`;
}

/** The id of the room which this create event makes; only from version 12 on is it a hash (MSC4291). */
export function roomIdOfCreate(create: Pdu, version: RoomVersion): string {
  if (!version.roomIdIsHash)
    throw new Error(`Room version ${version.id} does not take its room id from a hash.`);
  return `!${referenceHash(create, version, "base64url")}`;
}

function referenceHash(pdu: Pdu, version: RoomVersion, form: "base64" | "base64url"): string {
  return hash("sha256", canonicalJson(redactPdu(pdu, version)), form).replace(/=+$/, "");
}

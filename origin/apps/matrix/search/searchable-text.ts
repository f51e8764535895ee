import type { JsonObject, RoomEvent } from "../events/event.ts";

/** What the specification lets a client search in (POST /search, `keys`). */
export type SearchKey = "content.body" | "content.name" | "content.topic";

export const searchKeys: readonly SearchKey[] = ["content.body", "content.name", "content.topic"];

const keyOfType: ReadonlyMap<string, SearchKey> = new Map([
  ["m.room.message", "content.body"],
  ["m.room.name", "content.name"],
  ["m.room.topic", "content.topic"],
]);

/** Which key the text of an event of this type stands at; undefined where it has none. Ciphertext is none. */
export const searchKeyOf = (type: string): SearchKey | undefined => keyOfType.get(type);

/** The event's text, or with `edit` what that makes of it; empty where it has none. */
export function searchableText(event: RoomEvent, edit?: RoomEvent): string {
  const key = searchKeyOf(event.pdu.type);
  if (!key) return "";
  const { content } = edit?.pdu ?? event.pdu;
  const text = (edit ? objectAt(content, "m.new_content") : content)[key.slice("content.".length)];
  return typeof text === "string" ? text : "";
}

function objectAt(content: JsonObject, key: string): JsonObject {
  const value = content[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

import type { AuthState, JsonObject, StateEvent } from "../../../../origin/apps/matrix/events/event.ts";
import { roomVersions, type RoomVersion } from "../../../../origin/apps/matrix/events/room-version.ts";

function version(id: string): RoomVersion {
  const found = roomVersions.get(id);
  if (found === undefined) throw new Error(`no room version ${id}`);
  return found;
}

export const versions = { 10: version("10"), 11: version("11"), 12: version("12") } as const;

export const ada = "@ada:example.org";
export const ben = "@ben:example.org";
export const cleo = "@cleo:example.org";

/** The state of a room by type and state key, with the sender where it matters. */
export interface StateParts {
  readonly version?: RoomVersion;
  readonly create?: JsonObject;
  readonly creator?: string;
  readonly members?: Readonly<Record<string, string>>;
  readonly powerLevels?: JsonObject;
  readonly joinRule?: JsonObject[string];
  readonly more?: Readonly<Record<string, JsonObject>>;
}

/** The room that Ada made; `more` holds contents by type, all with the empty state key. */
export function roomState(parts: StateParts): AuthState {
  const { version: of = versions[11], creator = ada } = parts;
  const events = new Map<string, StateEvent>();
  const put = (type: string, key: string, content: JsonObject, sender = creator): void => {
    events.set(`${type} ${key}`, { eventId: `$${type}${key}`, sender, content });
  };
  put("m.room.create", "", {
    room_version: of.id,
    ...(of.creatorIsSender ? {} : { creator }),
    ...parts.create,
  });
  for (const [user, membership] of Object.entries(parts.members ?? {})) {
    put("m.room.member", user, { membership }, user);
  }
  if (parts.powerLevels !== undefined) put("m.room.power_levels", "", parts.powerLevels);
  if (parts.joinRule !== undefined) put("m.room.join_rules", "", { join_rule: parts.joinRule });
  for (const [type, content] of Object.entries(parts.more ?? {})) put(type, "", content);
  return { version: of, get: (type, key) => events.get(`${type} ${key}`) };
}

import type { AuthState, JsonObject } from "./event.ts";

/** What the levels govern besides the sending of events; `notifications.room` is the mention of everyone. */
export type GovernedAction = "ban" | "kick" | "invite" | "redact" | `notifications.${string}`;

/** The content of m.room.power_levels with its defaults filled in. */
interface PowerLevels {
  readonly users: ReadonlyMap<string, number>;
  readonly usersDefault: number;
  readonly events: ReadonlyMap<string, number>;
  readonly eventsDefault: number;
  readonly stateDefault: number;
  readonly ban: number;
  readonly kick: number;
  readonly invite: number;
  readonly redact: number;
  readonly notifications: ReadonlyMap<string, number>;
}

/** The user's power level; `Infinity` for the creators of a version 12 room (MSC4289). */
export function userLevel(state: AuthState, userId: string): number {
  if (state.version.privilegedCreators && isCreator(state, userId)) return Number.POSITIVE_INFINITY;
  const content = state.get("m.room.power_levels", "")?.content;
  if (content === undefined) {
    // Without the event the creator stands at 100 (up to version 11), everyone else at 0.
    return !state.version.privilegedCreators && isCreator(state, userId) ? 100 : 0;
  }
  const levels = readPowerLevels(content);
  return levels.users.get(userId) ?? levels.usersDefault;
}

/** The level that sending an event of this type takes. Memberships are governed by `actionLevel` instead. */
export function requiredLevel(state: AuthState, type: string, isState: boolean): number {
  const levels = levelsOf(state);
  return levels.events.get(type) ?? (isState ? levels.stateDefault : levels.eventsDefault);
}

export function actionLevel(state: AuthState, action: GovernedAction): number {
  const levels = levelsOf(state);
  switch (action) {
    case "ban":
    case "kick":
    case "invite":
    case "redact":
      return levels[action];
    default:
      // The specification names the default of `room` only; what has none is held to the same.
      return levels.notifications.get(action.slice("notifications.".length)) ?? 50;
  }
}

/**
 * Whether the user is one of the room's creators: the sender of the create event and, from version 12 on, its
 * `additional_creators`; up to version 10 `content.creator`.
 */
export function isCreator(state: AuthState, userId: string): boolean {
  const create = state.get("m.room.create", "");
  if (create === undefined) return false;
  const { version } = state;
  if (!version.creatorIsSender) return create.content["creator"] === userId;
  if (create.sender === userId) return true;
  const additional = create.content["additional_creators"];
  return version.privilegedCreators && Array.isArray(additional) && additional.includes(userId);
}

// Every event of a room reads the same levels, so they are parsed once for as long as the room's state is held.
const parsed = new WeakMap<JsonObject, PowerLevels>();
const noContent: JsonObject = {};

function levelsOf(state: AuthState): PowerLevels {
  return readPowerLevels(state.get("m.room.power_levels", "")?.content ?? noContent);
}

function readPowerLevels(content: JsonObject): PowerLevels {
  const known = parsed.get(content);
  if (known !== undefined) return known;
  const levels: PowerLevels = {
    users: integersOf(content["users"]),
    usersDefault: integerOr(content["users_default"], 0),
    events: integersOf(content["events"]),
    eventsDefault: integerOr(content["events_default"], 0),
    stateDefault: integerOr(content["state_default"], 50),
    ban: integerOr(content["ban"], 50),
    kick: integerOr(content["kick"], 50),
    invite: integerOr(content["invite"], 0),
    redact: integerOr(content["redact"], 50),
    notifications: integersOf(content["notifications"]),
  };
  parsed.set(content, levels);
  return levels;
}

const integerOr = (value: unknown, fallback: number): number =>
  Number.isSafeInteger(value) ? (value as number) : fallback;

/**
 * The integers of an object, and nothing else of it. A map, because the names come from clients and `constructor` must
 * not find Object's.
 */
export function integersOf(value: unknown): Map<string, number> {
  const found = new Map<string, number>();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return found;
  for (const [key, level] of Object.entries(value)) {
    if (Number.isSafeInteger(level)) found.set(key, level as number);
  }
  return found;
}

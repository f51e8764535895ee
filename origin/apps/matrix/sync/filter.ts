import type { JsonObject } from "../events/event.ts";
import { isUserId } from "../events/identifiers.ts";
import { splitPropertyPath } from "../events/property-path.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import { compileWildcard } from "../push/glob.ts";

/** A client's filter, checked and compiled (Client-Server §Filtering). What it does not name is let through. */
export interface Filter {
  readonly presence: EventFilter;
  /** Of the account data that belongs to no room. */
  readonly accountData: EventFilter;
  readonly room: {
    /** Before the filters of the room's sections. */
    readonly includes: (roomId: string) => boolean;
    /** In an initial sync; ones left since the last sync are always told of. */
    readonly includeLeave: boolean;
    readonly timeline: RoomEventFilter;
    readonly state: RoomEventFilter;
    readonly ephemeral: RoomEventFilter;
    readonly accountData: RoomEventFilter;
  };
  /** Makes a copy with only the fields that the client wants; absent where it wants all. */
  readonly pickFields: ((event: object) => object) | undefined;
}

/** What a filter looks at; account data and ephemeral events have no sender. */
export interface FilterableEvent {
  readonly type: string;
  readonly sender?: string;
  readonly content: JsonObject;
}

export interface EventFilter {
  /** As asked for: the server's own bounds are the caller's. */
  readonly limit: number | undefined;
  /** Whether `matches` is true of everything. */
  readonly matchesAll: boolean;
  /** `roomId` is of the room that the event stands in, if any. */
  readonly matches: (event: FilterableEvent, roomId?: string) => boolean;
}

export interface RoomEventFilter extends EventFilter {
  /** Whether it lets anything of the room through. */
  readonly includesRoom: (roomId: string) => boolean;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
  /** Only events to which another one relates in one of these ways (MSC3440): a question for the store. */
  readonly relatedByRelTypes: readonly string[] | undefined;
  /** Only events to which an event of one of these users relates (MSC3440). */
  readonly relatedBySenders: readonly string[] | undefined;
}

/** Throws M_BAD_JSON for a value of the wrong type and M_INVALID_PARAM for one out of range, naming its key. */
export function parseFilter(json: unknown): Filter {
  const filter = new Section(json, "");
  const room = filter.section("room");
  const format = filter.string("event_format");
  if (format !== undefined && format !== "client" && format !== "federation") {
    throw invalidParam("event_format must be client or federation.");
  }
  return {
    presence: compileEventFilter(filter.section("presence")),
    accountData: compileEventFilter(filter.section("account_data")),
    room: {
      includes: compileRooms(room) ?? (() => true),
      includeLeave: room.boolean("include_leave") ?? false,
      timeline: compileRoomEventFilter(room.section("timeline")),
      state: compileRoomEventFilter(room.section("state")),
      ephemeral: compileRoomEventFilter(room.section("ephemeral")),
      accountData: compileRoomEventFilter(room.section("account_data")),
    },
    pickFields: compileFields(filter.strings("event_fields")),
  };
}

/** The filter of /messages, /context and /search. Throws as `parseFilter` does. */
export function parseRoomEventFilter(json: unknown): RoomEventFilter {
  return compileRoomEventFilter(new Section(json, ""));
}

/** Of `types` and of `event_fields`: each is tried against each event. */
const maximumEntries = 500;

type EventMatcher = EventFilter["matches"];

function compileEventFilter(section: Section): EventFilter {
  return { limit: parseLimit(section), ...combine(eventChecks(section)) };
}

function compileRoomEventFilter(section: Section): RoomEventFilter {
  const checks = eventChecks(section);
  const includesRoom = compileRooms(section);
  if (includesRoom) checks.push((_, roomId) => roomId === undefined || includesRoom(roomId));
  const containsUrl = section.boolean("contains_url");
  if (containsUrl !== undefined) checks.push(({ content }) => Object.hasOwn(content, "url") === containsUrl);
  // MSC3874: by how the event itself relates to another.
  const relTypes = setOf(section.strings("org.matrix.msc3874.rel_types"));
  const notRelTypes = setOf(section.strings("org.matrix.msc3874.not_rel_types"));
  if (relTypes) checks.push(({ content }) => relTypes.has(relTypeOf(content) ?? ""));
  if (notRelTypes) checks.push(({ content }) => !notRelTypes.has(relTypeOf(content) ?? ""));
  return {
    limit: parseLimit(section),
    ...combine(checks),
    includesRoom: includesRoom ?? (() => true),
    lazyLoadMembers: section.boolean("lazy_load_members") ?? false,
    includeRedundantMembers: section.boolean("include_redundant_members") ?? false,
    unreadThreadNotifications: section.boolean("unread_thread_notifications") ?? false,
    relatedByRelTypes: section.strings("related_by_rel_types"),
    relatedBySenders: section.userIds("related_by_senders"),
  };
}

function combine(checks: readonly EventMatcher[]): Pick<EventFilter, "matchesAll" | "matches"> {
  if (checks.length === 0) return { matchesAll: true, matches: () => true };
  return { matchesAll: false, matches: (event, roomId) => checks.every((check) => check(event, roomId)) };
}

function eventChecks(section: Section): EventMatcher[] {
  const checks: EventMatcher[] = [];
  const types = compileTypes(section, "types");
  const notTypes = compileTypes(section, "not_types");
  const senders = setOf(section.userIds("senders"));
  const notSenders = setOf(section.userIds("not_senders"));
  if (types) checks.push(({ type }) => types(type));
  if (notTypes) checks.push(({ type }) => !notTypes(type));
  if (senders) checks.push(({ sender }) => sender !== undefined && senders.has(sender));
  if (notSenders) checks.push(({ sender }) => sender === undefined || !notSenders.has(sender));
  return checks;
}

function compileTypes(section: Section, key: string): ((type: string) => boolean) | undefined {
  const types = section.strings(key);
  if (types === undefined) return undefined;
  if (types.length > maximumEntries) {
    throw invalidParam(`${section.pathOf(key)} may have at most ${maximumEntries} entries.`);
  }
  const exact = new Set(types.filter((type) => !type.includes("*")));
  const patterns = types.filter((type) => type.includes("*")).map(compileWildcard);
  return (type) => exact.has(type) || patterns.some((matches) => matches(type));
}

function compileRooms(section: Section): ((roomId: string) => boolean) | undefined {
  const rooms = setOf(section.roomIds("rooms"));
  const notRooms = setOf(section.roomIds("not_rooms"));
  if (!rooms && !notRooms) return undefined;
  return (roomId) => rooms?.has(roomId) !== false && notRooms?.has(roomId) !== true;
}

function parseLimit(section: Section): number | undefined {
  const limit = section.integer("limit");
  if (limit === undefined) return undefined;
  if (limit < 0) throw invalidParam(`${section.pathOf("limit")} must be 0 or more.`);
  return limit;
}

/** An empty list picks all, as it does at the servers that clients are used to. */
function compileFields(paths: readonly string[] | undefined): Filter["pickFields"] {
  if (paths === undefined || paths.length === 0) return undefined;
  if (paths.length > maximumEntries) {
    throw invalidParam(`event_fields may have at most ${maximumEntries} entries.`);
  }
  const fields = paths.map(splitPropertyPath).filter((names) => !names.includes("__proto__"));
  return function pickFields(event) {
    const picked: Record<string, unknown> = {};
    for (const names of fields) copyField(event, picked, names);
    return picked;
  };
}

function copyField(from: object, to: Record<string, unknown>, names: readonly string[]): void {
  const [name = "", ...rest] = names;
  if (!Object.hasOwn(from, name)) return;
  const value = (from as Record<string, unknown>)[name];
  if (rest.length === 0) {
    to[name] = value;
    return;
  }
  if (!isRecord(value)) return;
  const known = Object.hasOwn(to, name) ? to[name] : undefined;
  // The whole of it was picked already.
  if (known === value) return;
  const part = isRecord(known) ? known : {};
  copyField(value, part, rest);
  if (Object.keys(part).length > 0) to[name] = part;
}

function relTypeOf(content: JsonObject): string | undefined {
  const relation = content["m.relates_to"];
  const relType = isRecord(relation) ? relation["rel_type"] : undefined;
  return isString(relType) ? relType : undefined;
}

const setOf = (values: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  values && new Set(values);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One object of the filter, read key by key; errors name the key by its whole path. */
class Section {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (!isRecord(value)) throw badJson(`${path || "The filter"} must be an object.`);
    this.#members = value;
    this.#path = path;
  }

  pathOf(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  section(key: string): Section {
    return new Section(this.#members[key] ?? {}, this.pathOf(key));
  }

  boolean(key: string): boolean | undefined {
    return this.#read(key, (value) => typeof value === "boolean", "true or false");
  }

  integer(key: string): number | undefined {
    return this.#read(key, (value): value is number => Number.isSafeInteger(value), "an integer");
  }

  string(key: string): string | undefined {
    return this.#read(key, isString, "a string");
  }

  strings(key: string): readonly string[] | undefined {
    return this.#list(key, () => true, "strings");
  }

  userIds(key: string): readonly string[] | undefined {
    return this.#list(key, isUserId, "user ids");
  }

  roomIds(key: string): readonly string[] | undefined {
    return this.#list(key, (id) => id.startsWith("!"), "room ids");
  }

  #list(key: string, holds: (entry: string) => boolean, kind: string): readonly string[] | undefined {
    const isList = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((entry) => isString(entry) && holds(entry));
    return this.#read(key, isList, `a list of ${kind}`);
  }

  #read<T>(key: string, holds: (value: unknown) => value is T, kind: string): T | undefined {
    const value = this.#members[key];
    // Some clients write null for what they leave out.
    if (value === undefined || value === null) return undefined;
    if (!holds(value)) throw badJson(`${this.pathOf(key)} must be ${kind}.`);
    return value;
  }
}

const isString = (value: unknown): value is string => typeof value === "string";

import { hash } from "node:crypto";
import type { Json, JsonObject } from "../events/event.ts";
import { badJson, invalidParam, tooLarge } from "../matrix-error.ts";
import { readToken } from "../sync/position.ts";
import type { ListFilter } from "./list-filter.ts";
import { parsePos } from "./pos.ts";
import type {
  Dialect,
  ExtensionsRequest,
  ListRequest,
  RoomConfig,
  RoomSelection,
  SlidingSyncRequest,
} from "./request.ts";
import { compileRule, createSelector, type StatePattern, type StateRequest } from "./state-selector.ts";
import { readPresenceState } from "../client-api/presence.ts";
import {
  isObject,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  optionalStrings,
} from "../client-api/read-body.ts";

/** Where the request's connection stands and how long it waits: beside the body in one dialect, in it in the other. */
export interface Envelope {
  readonly pos: string | undefined;
  /** ms */
  readonly timeout: number;
  readonly setPresence: string | undefined;
}

/** What one request may ask for; more is refused, or cut where MSC4186 has the server cut. */
const most = {
  /** Much of it is remembered with the connection. Element X takes 1 KiB, and as much for each open room. */
  text: 262_144,
  lists: 100,
  ranges: 20,
  subscriptions: 500,
  requiredState: 200,
  spaces: 100,
  names: 500,
  nameBytes: 255,
  timeline: 100,
  toDevice: 100,
  threadSubscriptions: 100,
};

/** Throws 400 M_BAD_JSON for a value of the wrong type, M_INVALID_PARAM for one out of range, M_UNKNOWN_POS; 413 M_TOO_LARGE. */
export function parseRequest(
  dialect: Dialect,
  userId: string,
  body: JsonObject,
  envelope: Envelope,
): SlidingSyncRequest {
  const { setPresence = "online", pos } = envelope;
  const connId = optionalString(body, "conn_id") ?? "";
  checkName(connId, "conn_id");
  const lists = optionalObject(body, "lists") ?? {};
  const subscriptions = optionalObject(body, "room_subscriptions") ?? {};
  const extensions = optionalObject(body, "extensions") ?? {};
  const { to_device: _, ...lasting } = extensions;
  const text = JSON.stringify([dialect, lists, subscriptions, lasting]);
  if (text.length > most.text) throw tooLarge("A request may ask for things in at most 256 KiB.");
  const wishes = wishesOf(text, userId, () => ({
    ...parseRooms({ dialect, userId }, lists, subscriptions),
    extensions: parseExtensions(lasting),
    asked: hash("sha256", text, "base64url"),
  }));
  return {
    dialect,
    connId,
    pos: pos === undefined || pos === "" ? undefined : parsePos(pos),
    timeout: envelope.timeout,
    presence: readPresenceState(setPresence, "set_presence"),
    txnId: optionalString(body, "txn_id"),
    ...wishes,
    extensions: { ...wishes.extensions, toDevice: parseToDevice(enabledOf(extensions, "to_device")) },
  };
}

/** What a request asks for: the same from one to the next, as a rule, and for all who have the same client. */
type Wishes = Pick<SlidingSyncRequest, "lists" | "subscriptions" | "asked"> & {
  readonly extensions: Omit<ExtensionsRequest, "toDevice">;
};

const known = new Map<string, Wishes>();
/** 2 MB of text, and some times that of what is made of it. Element X's requests are of 1 to 3 KiB. */
const mostKnown = 512;
const longestKnown = 4096;

/** Those that were made of the same text before; never changed by anybody, so that all may have the same. */
function wishesOf(text: string, userId: string, parse: () => Wishes): Wishes {
  if (text.length > longestKnown) return parse();
  const key = text.includes('"$ME"') ? `${userId}${text}` : text;
  let wishes = known.get(key);
  if (!wishes) {
    wishes = parse();
    if (known.size >= mostKnown) known.delete(known.keys().next().value!);
    known.set(key, wishes);
  }
  return wishes;
}

function parseRooms(
  parse: Parse,
  lists: JsonObject,
  subscriptions: JsonObject,
): Pick<Wishes, "lists" | "subscriptions"> {
  return {
    lists: new Map(
      entriesOf(lists, "lists", most.lists).map(([name, list]) => {
        checkName(name, "The name of a list");
        return [name, parseList(parse, list, `lists.${name}`)];
      }),
    ),
    subscriptions: new Map(
      entriesOf(subscriptions, "room_subscriptions", most.subscriptions).map(([roomId, config]) => [
        roomId,
        parseConfig(parse, config, `room_subscriptions.${roomId}`),
      ]),
    ),
  };
}

interface Parse {
  readonly dialect: Dialect;
  readonly userId: string;
}

function checkName(name: string, what: string): void {
  if (Buffer.byteLength(name) > most.nameBytes)
    throw invalidParam(`${what} may have at most ${most.nameBytes} bytes.`);
}

function entriesOf(object: JsonObject, key: string, limit: number): [string, JsonObject][] {
  const entries = Object.entries(object);
  if (entries.length > limit) throw invalidParam(`${key} may have at most ${limit} entries.`);
  return entries.map(([name, value]) => {
    if (!isObject(value)) throw badJson(`${key}.${name} must be an object.`);
    return [name, value];
  });
}

function parseConfig(parse: Parse, config: JsonObject, path: string): RoomConfig {
  const limit = optionalInteger(config, "timeline_limit") ?? 0;
  if (limit < 0) throw invalidParam(`${path}.timeline_limit must be 0 or more.`);
  const rule =
    parse.dialect === "accepted"
      ? parseStateRule(optionalObject(config, "required_state") ?? {}, path)
      : parseStatePairs(parse.userId, optionalArray(config, "required_state") ?? [], path);
  return { state: createSelector([compileRule(rule)]), timelineLimit: Math.min(limit, most.timeline) };
}

/** `[[type, state key], …]` with `*`, `$ME` and `$LAZY`. */
function parseStatePairs(userId: string, pairs: readonly Json[], path: string): StateRequest {
  checkLength(pairs, `${path}.required_state`, most.requiredState);
  const include: StatePattern[] = [];
  let lazyMembers = false;
  for (const pair of pairs) {
    const [type, key] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (typeof type !== "string" || typeof key !== "string") {
      throw badJson(`${path}.required_state must be pairs of a type and a state key.`);
    }
    if (type === "m.room.member" && key === "$LAZY") lazyMembers = true;
    else include.push([type === "*" ? null : type, key === "*" ? null : key === "$ME" ? userId : key]);
  }
  return { include, exclude: [], lazyMembers };
}

/** MSC4186 §RequiredStateRequest. */
function parseStateRule(rule: JsonObject, path: string): StateRequest {
  const patterns = (key: string): StatePattern[] => {
    const elements = optionalArray(rule, key) ?? [];
    checkLength(elements, `${path}.required_state.${key}`, most.requiredState);
    return elements.map((element) => {
      if (!isObject(element)) throw badJson(`${path}.required_state.${key} must be a list of objects.`);
      return [optionalString(element, "type") ?? null, optionalString(element, "state_key") ?? null];
    });
  };
  return {
    include: patterns("include"),
    exclude: patterns("exclude"),
    lazyMembers: optionalBoolean(rule, "lazy_members") ?? false,
  };
}

function checkLength(list: readonly unknown[], path: string, limit: number): void {
  if (list.length > limit) throw invalidParam(`${path} may have at most ${limit} entries.`);
}

function parseList(parse: Parse, list: JsonObject, path: string): ListRequest {
  const filters = optionalObject(list, "filters");
  return {
    ...parseConfig(parse, list, path),
    ranges: parseRanges(parse.dialect, list, path),
    filter: filters && Object.keys(filters).length > 0 ? parseFilter(filters, path) : undefined,
  };
}

/** One `range` or several `ranges`; without any, all rooms in the one dialect and none in the other. */
function parseRanges(dialect: Dialect, list: JsonObject, path: string): [number, number][] {
  const one = optionalArray(list, "range");
  const ranges =
    dialect === "unstable"
      ? (optionalArray(list, "ranges") ?? [])
      : one
        ? [one]
        : [[0, Number.MAX_SAFE_INTEGER]];
  checkLength(ranges, `${path}.ranges`, most.ranges);
  return ranges.map((range) => {
    const [start, end] = Array.isArray(range) && range.length === 2 ? range : [];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) {
      throw badJson(`A range of ${path} must be two integers.`);
    }
    const [from, to] = [start as number, end as number];
    if (from < 0 || to < from) throw invalidParam(`A range of ${path} must be [first, last] from 0 on.`);
    return [from, to];
  });
}

function parseFilter(filter: JsonObject, path: string): ListFilter {
  const strings = (key: string, limit: number): string[] | undefined => {
    const list = optionalStrings(filter, key);
    if (list) checkLength(list, `${path}.filters.${key}`, limit);
    return list;
  };
  const roomTypes = (key: string): Set<string | null> | undefined => {
    const list = optionalArray(filter, key);
    if (!list) return undefined;
    checkLength(list, `${path}.filters.${key}`, most.names);
    if (!list.every((type) => typeof type === "string" || type === null)) {
      throw badJson(`${path}.filters.${key} must be a list of strings or null.`);
    }
    return new Set(list);
  };
  return {
    isDm: optionalBoolean(filter, "is_dm"),
    isEncrypted: optionalBoolean(filter, "is_encrypted"),
    isInvited: optionalBoolean(filter, "is_invited") ?? optionalBoolean(filter, "is_invite"),
    isTombstoned: optionalBoolean(filter, "is_tombstoned"),
    spaces: strings("spaces", most.spaces),
    roomTypes: roomTypes("room_types"),
    notRoomTypes: roomTypes("not_room_types"),
    tags: strings("tags", most.names),
    notTags: strings("not_tags", most.names),
  };
}

function enabledOf(extensions: JsonObject, key: string): JsonObject | undefined {
  const extension = optionalObject(extensions, key);
  return extension && optionalBoolean(extension, "enabled") === true ? extension : undefined;
}

function parseExtensions(extensions: JsonObject): Wishes["extensions"] {
  const enabled = (key: string): JsonObject | undefined => enabledOf(extensions, key);
  const selection = (key: string): RoomSelection | undefined => {
    const extension = enabled(key);
    if (!extension) return undefined;
    const names = (of: string): Set<string> | undefined => {
      const list = optionalStrings(extension, of);
      if (list) checkLength(list, `extensions.${key}.${of}`, most.names);
      return list && new Set(list);
    };
    return { lists: names("lists"), rooms: names("rooms") };
  };
  return {
    e2ee: enabled("e2ee") !== undefined,
    accountData: selection("account_data"),
    receipts: selection("receipts"),
    typing: selection("typing"),
    threadSubscriptions: parseThreads(enabled("io.element.msc4308.thread_subscriptions")),
  };
}

function parseToDevice(extension: JsonObject | undefined): ExtensionsRequest["toDevice"] {
  if (!extension) return undefined;
  const limit = optionalInteger(extension, "limit") ?? most.toDevice;
  const since = optionalString(extension, "since");
  return {
    limit: Math.max(1, Math.min(limit, most.toDevice)),
    since: readToken(since)?.so,
  };
}

function parseThreads(extension: JsonObject | undefined): ExtensionsRequest["threadSubscriptions"] {
  if (!extension) return undefined;
  const limit = optionalInteger(extension, "limit") ?? most.threadSubscriptions;
  return { limit: Math.max(1, Math.min(limit, most.threadSubscriptions)) };
}

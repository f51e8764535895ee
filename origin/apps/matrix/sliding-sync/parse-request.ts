import { hash } from "node:crypto";
import type { Json, JsonObject } from "../events/event.ts";
import { badJson, invalidParam, tooLarge } from "../matrix-error.ts";
import { parseToken } from "../sync/position.ts";
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
  const parse = { dialect, userId };
  return {
    dialect,
    connId,
    pos: pos === undefined || pos === "" ? undefined : parsePos(pos),
    timeout: envelope.timeout,
    presence: readPresenceState(setPresence, "set_presence"),
    txnId: optionalString(body, "txn_id"),
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
    extensions: parseExtensions(extensions),
    asked: hash("sha256", text, "base64url"),
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

function parseExtensions(extensions: JsonObject): ExtensionsRequest {
  const enabled = (key: string): JsonObject | undefined => {
    const extension = optionalObject(extensions, key);
    return extension && optionalBoolean(extension, "enabled") === true ? extension : undefined;
  };
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
    toDevice: parseToDevice(enabled("to_device")),
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
    since: since === undefined || since === "" ? undefined : parseToken(since).so,
  };
}

function parseThreads(extension: JsonObject | undefined): ExtensionsRequest["threadSubscriptions"] {
  if (!extension) return undefined;
  const limit = optionalInteger(extension, "limit") ?? most.threadSubscriptions;
  return { limit: Math.max(1, Math.min(limit, most.threadSubscriptions)) };
}

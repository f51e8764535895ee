import { hash } from "node:crypto";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { showThreadChanges } from "../push/thread-subscriptions.ts";
import { type AccountDataEvent, accountDataByRoom, globalAccountData } from "../sync/account-data.ts";
import { formatToken } from "../sync/position.ts";
import type { RoomSelection, SlidingSyncRequest } from "./request.ts";
import type { SelectedRoom } from "./select-rooms.ts";
import type { SentExtensions } from "./sent-state.ts";

/** What an answer says besides rooms; parts that were not asked for, or have no news, are absent. */
export interface ExtensionsAnswer {
  readonly to_device?: { readonly next_batch: string; readonly events: readonly object[] };
  readonly e2ee?: {
    readonly device_lists?: { readonly changed: readonly string[]; readonly left: readonly string[] };
    readonly device_one_time_keys_count: Readonly<Record<string, number>>;
    readonly device_unused_fallback_key_types: readonly string[];
  };
  readonly account_data?: {
    readonly global?: readonly AccountDataEvent[];
    readonly rooms?: Readonly<Record<string, readonly AccountDataEvent[]>>;
  };
  readonly receipts?: { readonly rooms: Readonly<Record<string, RoomEphemeral>> };
  readonly typing?: { readonly rooms: Readonly<Record<string, RoomEphemeral>> };
  readonly "io.element.msc4308.thread_subscriptions"?: ReturnType<typeof showThreadChanges> & {
    readonly prev_batch?: string;
  };
}

interface RoomEphemeral {
  readonly type: string;
  readonly content: JsonObject;
}

export interface DeviceScope {
  readonly userId: string;
  readonly deviceId: string;
  /** The position that the client presents; undefined for a new connection. */
  readonly since: number | undefined;
  readonly now: number;
}

/** Messages to the device, news of devices, subscriptions to threads: of no room that is selected. `news`: whether there is what a client waits for. */
export function deviceExtensions(
  matrix: MatrixContext,
  request: SlidingSyncRequest,
  scope: DeviceScope,
): { answer: ExtensionsAnswer; news: boolean } {
  const { userId, deviceId, since, now } = scope;
  const { toDevice, e2ee, threadSubscriptions } = request.extensions;
  let answer: ExtensionsAnswer = {};
  let news = false;
  if (toDevice) {
    // Its own token: only what the client hands back here is known to have arrived.
    const pending = matrix.toDevice.pending(userId, deviceId, toDevice.since ?? 0, now, toDevice.limit);
    const next = pending.length === toDevice.limit ? (pending.at(-1)?.so ?? now) : now;
    const events = pending.map(({ sender, type, content }) => ({ sender, type, content }));
    answer = { to_device: { next_batch: formatToken({ so: next }), events } };
    news = events.length > 0;
  }
  if (e2ee) {
    const lists = since === undefined ? undefined : matrix.deviceLists.changes(userId, since);
    const changed = lists !== undefined && lists.changed.length + lists.left.length > 0;
    answer = {
      ...answer,
      e2ee: {
        ...(changed && { device_lists: lists }),
        device_one_time_keys_count: matrix.deviceKeys.counts(userId, deviceId),
        device_unused_fallback_key_types: matrix.deviceKeys.unusedFallbackTypes(userId, deviceId),
      },
    };
    const began = since !== undefined && matrix.newSessions.last(userId, deviceId) > since;
    news ||= changed || began;
  }
  if (threadSubscriptions) {
    const { limit } = threadSubscriptions;
    const { changes, more } = matrix.threadSubscriptions.changesSince(userId, since ?? 0, now, limit);
    const last = changes.at(-1);
    if (last) {
      // From there on GET /thread_subscriptions goes back.
      const rest = more && { prev_batch: formatToken({ so: last.so - 1 }) };
      const told = { ...showThreadChanges(changes), ...rest };
      answer = { ...answer, "io.element.msc4308.thread_subscriptions": told };
      news = true;
    }
  }
  return { answer, news };
}

/** A selected room, with how much of it an extension has told already. */
export interface ExtendedRoom {
  readonly selected: SelectedRoom;
  /** 0: nothing. */
  readonly after: number;
  /** Ids of the events in the answer's timeline, where it holds some that the client may not have had. */
  readonly timeline: ReadonlySet<string> | undefined;
}

export interface RoomsScope extends DeviceScope {
  /** Those that the request selects and the connection has now. */
  readonly rooms: readonly ExtendedRoom[];
  /** For which rooms each extension was asked before. */
  readonly before: SentExtensions;
  readonly typingSince: number;
}

/** Account data, receipts and typing of the rooms that the request selects, as far as they are news. */
export function roomExtensions(
  matrix: MatrixContext,
  request: SlidingSyncRequest,
  scope: RoomsScope,
): { answer: ExtensionsAnswer; sent: SentExtensions } {
  const { accountData, receipts, typing } = request.extensions;
  const data = accountData && readAccountData(matrix, request, accountData, scope);
  const read = receipts && readReceipts(matrix, request, receipts, scope);
  const typed = typing && readTyping(matrix, request, typing, scope);
  return {
    answer: {
      ...(data && Object.keys(data).length > 0 && { account_data: data }),
      ...(read && Object.keys(read).length > 0 && { receipts: { rooms: read } }),
      ...(typed && Object.keys(typed).length > 0 && { typing: { rooms: typed } }),
    },
    sent: {
      ...(accountData && { accountData: nameOf(accountData) }),
      ...(receipts && { receipts: nameOf(receipts) }),
    },
  };
}

/** An extension that is asked for, or for other rooms than before, begins anew: what it told is not known by room. */
function nameOf(selection: RoomSelection): string {
  let name = selectionNames.get(selection);
  if (name === undefined) {
    const { lists, rooms } = selection;
    name = hash("sha256", JSON.stringify([lists && [...lists], rooms && [...rooms]]), "base64url");
    selectionNames.set(selection, name);
  }
  return name;
}

/** A client asks for the same selection each time, and it is the same object then (parse-request.ts). */
const selectionNames = new WeakMap<RoomSelection, string>();

const everyRoom = "*";

function* chosenRooms(
  request: SlidingSyncRequest,
  { lists, rooms }: RoomSelection,
  scope: RoomsScope,
): Generator<ExtendedRoom> {
  for (const room of scope.rooms) {
    const { listed, lists: inLists } = room.selected;
    const byList = inLists.some((name) => lists === undefined || lists.has(name) || lists.has(everyRoom));
    const subscribed = (): boolean =>
      request.subscriptions.has(listed.roomId) &&
      (rooms === undefined || rooms.has(listed.roomId) || rooms.has(everyRoom));
    if (byList || subscribed()) yield room;
  }
}

/** From where on changes are to be looked at for all of the rooms; undefined when no room has any before. */
function earliest(rooms: readonly ExtendedRoom[], now: number): number {
  return rooms.reduce((first, { after }) => (after > 0 && after < first ? after : first), now);
}

function readAccountData(
  matrix: MatrixContext,
  request: SlidingSyncRequest,
  selection: RoomSelection,
  scope: RoomsScope,
): NonNullable<ExtensionsAnswer["account_data"]> {
  const { userId, since, now } = scope;
  const anew = since === undefined || scope.before.accountData !== nameOf(selection);
  const rooms = [...chosenRooms(request, selection, scope)];
  const fresh = anew || rooms.some(({ after }) => after === 0);
  const changes = fresh
    ? matrix.accountData.all(userId)
    : matrix.accountData.changesSince(userId, Math.min(since, earliest(rooms, now)), now);
  const news = anew ? changes : changes.filter(({ so }) => so > since);
  const global = globalAccountData(matrix, userId, news, anew);
  const byRoom = accountDataByRoom(changes);
  const ofRooms: Record<string, AccountDataEvent[]> = {};
  for (const { selected, after } of rooms) {
    const entries = (byRoom.get(selected.listed.nid) ?? []).filter(({ so }) => anew || so > after);
    if (entries.length > 0)
      ofRooms[selected.listed.roomId] = entries.map(({ type, content }) => ({ type, content }));
  }
  return {
    ...(global.length > 0 && { global }),
    ...(Object.keys(ofRooms).length > 0 && { rooms: ofRooms }),
  };
}

function readReceipts(
  matrix: MatrixContext,
  request: SlidingSyncRequest,
  selection: RoomSelection,
  scope: RoomsScope,
): Record<string, RoomEphemeral> {
  const { userId, since, now } = scope;
  const anew = since === undefined || scope.before.receipts !== nameOf(selection);
  const rooms = [...chosenRooms(request, selection, scope)];
  const after = Math.min(since ?? now, earliest(rooms, now));
  const changes = after > 0 && after < now ? matrix.receipts.changesSince(userId, after, now) : undefined;
  const shown: Record<string, RoomEphemeral> = {};
  for (const room of rooms) {
    const { nid, roomId, membership } = room.selected.listed;
    if (membership !== "join") continue;
    const whole = anew || room.after === 0;
    const known = whole || room.timeline ? matrix.receipts.inRoom(userId, nid) : undefined;
    const contents = [
      ...((!whole && changes?.get(nid)) || []),
      // A whole room may have thousands: those of what is shown, and one's own.
      ...(known ?? []).map((content) => receiptsAmong(content, userId, room.timeline)),
    ];
    const content = mergeReceipts(contents);
    if (Object.keys(content).length > 0) shown[roomId] = { type: "m.receipt", content };
  }
  return shown;
}

/** By event id, type and user. */
type ReceiptTree = Record<string, Record<string, Record<string, JsonObject>>>;

function receiptsAmong(
  content: JsonObject,
  userId: string,
  timeline: ReadonlySet<string> | undefined,
): JsonObject {
  const chosen: ReceiptTree = {};
  for (const [eventId, byType] of Object.entries(content as unknown as ReceiptTree)) {
    if (timeline === undefined || timeline.has(eventId)) {
      chosen[eventId] = byType;
      continue;
    }
    for (const [type, byUser] of Object.entries(byType)) {
      const own = byUser[userId];
      if (own) (chosen[eventId] ??= {})[type] = { [userId]: own };
    }
  }
  return chosen;
}

/** The extension has one event a room: of several threads of a user at one event, the first stands. */
function mergeReceipts(contents: readonly JsonObject[]): JsonObject {
  const merged: ReceiptTree = {};
  for (const content of contents as unknown as ReceiptTree[]) {
    for (const [eventId, byType] of Object.entries(content)) {
      for (const [type, byUser] of Object.entries(byType)) {
        const into = ((merged[eventId] ??= {})[type] ??= {});
        for (const [user, receipt] of Object.entries(byUser)) into[user] ??= receipt;
      }
    }
  }
  return merged;
}

function readTyping(
  matrix: MatrixContext,
  request: SlidingSyncRequest,
  selection: RoomSelection,
  scope: RoomsScope,
): Record<string, RoomEphemeral> {
  const changed = new Set(matrix.typing.changedSince(scope.typingSince));
  const shown: Record<string, RoomEphemeral> = {};
  for (const { selected, after } of chosenRooms(request, selection, scope)) {
    const { nid, roomId, membership } = selected.listed;
    const missed = after < (scope.since ?? 0);
    if (membership !== "join" || !(changed.has(nid) || missed)) continue;
    const userIds = matrix.typing.typing(nid);
    if (userIds.length === 0 && after === 0) continue;
    shown[roomId] = { type: "m.typing", content: { user_ids: userIds } };
  }
  return shown;
}

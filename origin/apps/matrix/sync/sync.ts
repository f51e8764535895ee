import { createTurns } from "../../../host/turns.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { nothingUnread, type Unread } from "../push/unread.ts";
import type { RoomMembership } from "../rooms/membership-store.ts";
import type { Room } from "../rooms/room.ts";
import { type AccountDataEntry } from "../users/account-data.ts";
import { accountDataByRoom, globalAccountData } from "./account-data.ts";
import { type ChangedRooms, createChangedRooms } from "./changed-rooms.ts";
import { type JoinedRoom, joinedRoom } from "./joined-room.ts";
import { createLazyMembers, type LazyMembers } from "./lazy-members.ts";
import { type LeftRoom, leftRoom } from "./left-room.ts";
import { formatToken, type Position } from "./position.ts";
import { presenceEvents } from "./presence-section.ts";
import { isNewlyJoined } from "./stay.ts";
import { isUnwanted, strippedStateFor } from "./stripped-state.ts";
import type { EventList, SyncRequest } from "./sync-request.ts";

/** The body of GET /sync (specification §Syncing); parts without news are left out. */
export interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: Rooms;
  readonly presence?: EventList;
  readonly account_data?: EventList;
  readonly to_device?: EventList;
  readonly device_lists?: { readonly changed: readonly string[]; readonly left: readonly string[] };
  readonly device_one_time_keys_count: Readonly<Record<string, number>>;
  readonly device_unused_fallback_key_types: readonly string[];
}

interface Rooms {
  join?: Record<string, JoinedRoom>;
  invite?: Record<string, { invite_state: EventList }>;
  knock?: Record<string, { knock_state: EventList }>;
  leave?: Record<string, LeftRoom>;
}

export interface SyncResult {
  readonly answer: SyncAnswer;
  /** What `next_batch` says. */
  readonly next: Position;
  /** Nothing that a client waits for is in it. */
  readonly empty: boolean;
}

/** Specification §Extensions to /sync, to_device: at most so many in one answer. */
const mostToDevice = 100;

/**
 * Computes one answer. An incremental one costs what changed for this user, not what they have, and is computed in one
 * go and without waiting: nothing is written meanwhile, so the rooms in memory, the tables and the position are all of
 * the same moment. One with everything takes long, and gives others their turn between rooms. It is of the moment of
 * its position all the same: the lists are read at the start, and each room's timeline and state as of then. What
 * happens meanwhile lies behind the position and comes with the next answer; where a count or a summary knows of it
 * already, it is only told twice.
 */
export function createSync(
  matrix: MatrixContext,
): (request: SyncRequest) => SyncResult | Promise<SyncResult> {
  const lazyMembers = createLazyMembers();
  const changedRooms = createChangedRooms(matrix.database);

  return function sync(asked) {
    const now: Position = { so: matrix.stream.current(), typing: matrix.typing.serial() };
    const { since, lost } = usable(matrix, asked.since, now);
    const request: SyncRequest = { ...asked, since };
    if (since && !request.fullState && !hasNews(matrix, request.userId, since)) {
      return { answer: shell(matrix, request, now), next: now, empty: true };
    }
    const toDevice = readToDevice(matrix, request, now);
    const next: Position = toDevice.cutAt === undefined ? now : { ...now, toDevice: toDevice.cutAt };
    const accountData = readAccountData(matrix, request, now);
    const parts: Parts = { request, next, lost, accountData, toDevice: toDevice.events };
    if (since && !request.fullState) {
      const rooms = changesOf(matrix, lazyMembers, changedRooms, request, since, now, accountData);
      return putTogether(matrix, parts, rooms);
    }
    return allOf(matrix, lazyMembers, request, now, accountData, lost).then((rooms) =>
      putTogether(matrix, parts, rooms),
    );
  };
}

/** What is read before the rooms. */
interface Parts {
  readonly request: SyncRequest;
  readonly next: Position;
  readonly lost: boolean;
  readonly accountData: readonly AccountDataEntry[];
  readonly toDevice: readonly object[];
}

function putTogether(matrix: MatrixContext, parts: Parts, rooms: Rooms): SyncResult {
  const { request, next, lost, accountData, toDevice } = parts;
  const { since } = request;
  const all = globalAccountData(matrix, request.userId, accountData, since === undefined);
  const global = all.filter((event) => request.filter.accountData.matches(event));
  const lists = since
    ? matrix.deviceLists.changes(request.userId, since.so)
    : { changed: lost ? [...matrix.memberships.sharers(request.userId)] : [], left: [] };
  const listsChanged = lists.changed.length > 0 || lists.left.length > 0;
  const roomsChanged = Object.keys(rooms).length > 0;
  const presence = presenceEvents(matrix, request);
  return {
    answer: {
      ...shell(matrix, request, next),
      ...(roomsChanged && { rooms }),
      ...((!since || presence.length > 0) && { presence: { events: presence } }),
      ...(global.length > 0 && { account_data: { events: global } }),
      ...(toDevice.length > 0 && { to_device: { events: toDevice } }),
      ...(listsChanged && { device_lists: lists }),
    },
    next,
    empty:
      !roomsChanged && !listsChanged && global.length === 0 && toDevice.length === 0 && presence.length === 0,
  };
}

/**
 * A position that was lost, or is ahead of us, was given out before the database was restored from a backup. A client cannot be told so
 * by an error: it would repeat the request for ever. It gets everything, each timeline marked limited, which makes
 * it drop what it holds after the backup.
 */
function usable(
  matrix: MatrixContext,
  since: Position | undefined,
  now: Position,
): { since: Position | undefined; lost: boolean } {
  if (!since) return { since, lost: false };
  if (since.so > now.so || matrix.stream.isLost(since.so)) return { since: undefined, lost: true };
  // The clock went back over a restart, and the serial with it: what is being typed is told again.
  return { since: since.typing > now.typing ? { ...since, typing: 0 } : since, lost: false };
}

function hasNews(matrix: MatrixContext, userId: string, since: Position): boolean {
  return (
    matrix.waiters.lastChange(userId) > since.so ||
    since.toDevice !== undefined ||
    matrix.typing.serial() > since.typing
  );
}

/** What every answer bears: clients take the absence of the counts for "unknown" or for "none left". */
function shell(matrix: MatrixContext, request: SyncRequest, next: Position): SyncAnswer {
  const { userId, deviceId } = request;
  return {
    next_batch: formatToken(next),
    device_one_time_keys_count: matrix.deviceKeys.counts(userId, deviceId),
    device_unused_fallback_key_types: matrix.deviceKeys.unusedFallbackTypes(userId, deviceId),
  };
}

function readToDevice(
  matrix: MatrixContext,
  request: SyncRequest,
  now: Position,
): { events: object[]; cutAt: number | undefined } {
  const { userId, deviceId, since } = request;
  const after = since?.toDevice ?? since?.so ?? 0;
  const pending = matrix.toDevice.pending(userId, deviceId, after, now.so, mostToDevice);
  return {
    events: pending.map(({ sender, type, content }) => ({ sender, type, content })),
    cutAt: pending.length === mostToDevice ? pending.at(-1)?.so : undefined,
  };
}

function readAccountData(matrix: MatrixContext, request: SyncRequest, now: Position): AccountDataEntry[] {
  return request.since
    ? matrix.accountData.changesSince(request.userId, request.since.so, now.so)
    : matrix.accountData.all(request.userId);
}

/** Everything: the first answer of a client, or the one with `full_state`. */
async function allOf(
  matrix: MatrixContext,
  lazyMembers: LazyMembers,
  request: SyncRequest,
  now: Position,
  accountData: readonly AccountDataEntry[],
  lost: boolean,
): Promise<Rooms> {
  const { userId, filter, since } = request;
  const after = since?.so ?? 0;
  const turns = createTurns();
  const rooms: Rooms = {};
  const receipts = matrix.receipts.changesSince(userId, after, now.so);
  const unread: ReadonlyMap<number, Unread> = matrix.unread.byRoom(userId);
  const data = accountDataByRoom(accountData);
  const includeLeave = filter.room.includeLeave || lost;
  for (const { room: nid, membership, so } of matrix.memberships.roomsOf(userId)) {
    await turns();
    const gone = membership === "leave" || membership === "ban";
    if (gone && !includeLeave && !(since && so > after)) continue;
    const room = matrix.rooms.byNid(nid);
    if (!room || !filter.room.includes(room.roomId)) continue;
    if (membership === "invite" || membership === "knock") {
      // What is shown of it is of now: where that has changed, the next answer says so.
      if (room.members.get(userId) === membership) addStripped(matrix, request, rooms, room, membership);
    } else if (gone) {
      const scope = { room, leftAt: so, after, now: now.so, whole: true, gap: lost };
      const left = leftRoom(matrix, lazyMembers, request, { ...scope, accountData: data.get(nid) ?? [] });
      (rooms.leave ??= {})[room.roomId] = left;
    } else {
      const typing = matrix.typing.typing(nid);
      const fresh = after > 0 && isNewlyJoined(matrix.events, room, userId, so, after);
      const section = joinedRoom(matrix, lazyMembers, request, {
        room,
        after: fresh ? 0 : after,
        now: now.so,
        whole: true,
        gap: fresh || lost,
        joinedFrom: so,
        receipts: fresh ? matrix.receipts.inRoom(userId, nid) : receipts.get(nid),
        typing: typing.length > 0 ? typing : undefined,
        accountData: (fresh ? matrix.accountData.ofRoom(userId, nid) : data.get(nid)) ?? [],
        unread: unread.get(nid) ?? nothingUnread,
      });
      if (section) (rooms.join ??= {})[room.roomId] = section;
    }
  }
  return rooms;
}

/** What changed for the user in (since, now]. */
function changesOf(
  matrix: MatrixContext,
  lazyMembers: LazyMembers,
  changedRooms: ChangedRooms,
  request: SyncRequest,
  since: Position,
  now: Position,
  accountData: readonly AccountDataEntry[],
): Rooms {
  const { userId, filter } = request;
  const rooms: Rooms = {};
  const moved = changedRooms(userId, since.so, now.so);
  const receipts = matrix.receipts.changesSince(userId, since.so, now.so);
  const data = accountDataByRoom(accountData);
  const typing = new Set(matrix.typing.changedSince(since.typing));
  const joined = new Map<number, number>();

  for (const { room: nid, membership, so } of moved) {
    if (membership === "join") {
      joined.set(nid, so);
      continue;
    }
    // Whoever is not in the room learns of it once, when their own part in it changed.
    if (so <= since.so) continue;
    const room = matrix.rooms.byNid(nid);
    if (!room || !filter.room.includes(room.roomId)) continue;
    if (membership === "invite" || membership === "knock") {
      addStripped(matrix, request, rooms, room, membership);
      continue;
    }
    const scope = { room, leftAt: so, after: since.so, now: now.so, whole: false, gap: false };
    const left = leftRoom(matrix, lazyMembers, request, { ...scope, accountData: data.get(nid) ?? [] });
    (rooms.leave ??= {})[room.roomId] = left;
  }

  const concerned = new Set([...joined.keys(), ...receipts.keys(), ...data.keys(), ...typing]);
  for (const nid of concerned) {
    const room = matrix.rooms.byNid(nid);
    if (!room?.joined.has(userId) || !filter.room.includes(room.roomId)) continue;
    const so = joined.get(nid);
    const fresh =
      so !== undefined && so > since.so && isNewlyJoined(matrix.events, room, userId, so, since.so);
    const whoTypes = typing.has(nid) || fresh ? matrix.typing.typing(nid) : undefined;
    const section = joinedRoom(matrix, lazyMembers, request, {
      room,
      after: fresh ? 0 : since.so,
      now: now.so,
      whole: fresh,
      gap: fresh,
      joinedFrom: fresh ? so : since.so,
      receipts: fresh ? matrix.receipts.inRoom(userId, nid) : receipts.get(nid),
      typing: fresh && whoTypes?.length === 0 ? undefined : whoTypes,
      // It may be older than the joining: tags stay over a leave, and go over to the room that replaces another.
      accountData: (fresh ? matrix.accountData.ofRoom(userId, nid) : data.get(nid)) ?? [],
    });
    if (section) (rooms.join ??= {})[room.roomId] = section;
  }
  return rooms;
}

function addStripped(
  matrix: MatrixContext,
  request: SyncRequest,
  rooms: Rooms,
  room: Room,
  membership: RoomMembership["membership"],
): void {
  if (membership === "invite" && isUnwanted(matrix, room, request.userId)) return;
  const events = strippedStateFor(matrix, room, request);
  if (membership === "invite") (rooms.invite ??= {})[room.roomId] = { invite_state: { events } };
  else (rooms.knock ??= {})[room.roomId] = { knock_state: { events } };
}

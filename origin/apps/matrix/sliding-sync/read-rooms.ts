import { setImmediate as nextTurn } from "node:timers/promises";
import type { MatrixContext } from "../matrix-context.ts";
import type { Room } from "../rooms/room.ts";
import { hasReceiptOf } from "../sync/joined-room.ts";
import { type ExtendedRoom, type ExtensionsAnswer, roomExtensions } from "./extensions.ts";
import type { ListedRoom, ReadRoomList, RoomList } from "./room-list.ts";
import { mayHaveNews, type RoomUpdate, type UpdateParts, updateRoom } from "./room-update.ts";
import { selectChanged, selectRooms, type Selection } from "./select-rooms.ts";
import { isSameRoom, live, type SentExtensions, type SentRoom } from "./sent-state.ts";
import type { Turn } from "./turn.ts";
import { sentUpTo, type UpdateScope } from "./update-scope.ts";

export interface AnsweredRoom {
  readonly update: RoomUpdate;
  /** The lists in whose ranges the room is. */
  readonly lists: readonly string[];
}

/** Everything of an answer that hangs on rooms. */
export interface RoomsResult {
  readonly counts: ReadonlyMap<string, number>;
  readonly rooms: ReadonlyMap<string, AnsweredRoom>;
  readonly extensions: ExtensionsAnswer;
  /** What the connection has with this answer, where that is not what it had. */
  readonly changed: { rooms: ReadonlyMap<number, SentRoom>; extensions: SentExtensions } | undefined;
  /** Nothing was left for the next answer. */
  readonly complete: boolean;
}

export interface RoomsTurn extends Turn {
  readonly since: number | undefined;
  readonly now: number;
  readonly typingSince: number;
}

/** How long rooms are computed at a stretch, in ms: others have their turn in between. */
const longestSlice = 10;
/** In one answer. What is left comes in the next, at once. */
const mostRooms = 200;

export async function readRooms(
  parts: UpdateParts & { readonly readList: ReadRoomList },
  turn: RoomsTurn,
): Promise<RoomsResult> {
  const { matrix } = parts;
  const { userId, request, sent, since } = turn;
  const list = parts.readList(userId);
  const touched = touchedRooms(matrix, turn);
  const selection = select(matrix, turn, list, touched);
  const changes = new Map<number, SentRoom>();
  const rooms = new Map<string, AnsweredRoom>();
  const extended: ExtendedRoom[] = [];
  let complete = true;
  let sliceEnd = performance.now() + longestSlice;

  for (const [nid, selected] of selection.rooms) {
    const { listed, config, lists } = selected;
    const before = sent.rooms.get(nid);
    const scope: UpdateScope = {
      ...turn,
      listed,
      config,
      sent: before,
      isDm: list.isDm(listed),
      // Of a room that comes back into the ranges it is not known.
      countsChanged: touched.read.has(nid) || (before !== undefined && before.upTo !== live),
    };
    if (!mayHaveNews(scope)) {
      extended.push({ selected, after: sentUpTo(before, since), timeline: undefined });
      continue;
    }
    if (performance.now() > sliceEnd) {
      await nextTurn();
      sliceEnd = performance.now() + longestSlice;
    }
    const room = rooms.size < mostRooms ? roomAsListed(matrix, userId, listed) : undefined;
    if (!room) {
      complete = false;
      if (before) changes.set(nid, { ...before, upTo: sentUpTo(before, since) });
      continue;
    }
    const { update, sent: after } = updateRoom(parts, room, scope);
    if (update) rooms.set(listed.roomId, { update, lists });
    if (!isSameRoom(before, after)) changes.set(nid, after);
    extended.push({
      selected,
      after: update?.initial ? 0 : sentUpTo(before, since),
      timeline: shownIn(update),
    });
  }

  if (since !== undefined) {
    for (const nid of missedRooms(list, selection, touched, since)) {
      const before = sent.rooms.get(nid);
      if (before?.upTo === live) changes.set(nid, { ...before, upTo: since });
    }
  }
  const { answer, sent: extensions } = roomExtensions(matrix, request, {
    ...turn,
    rooms: extended,
    before: sent.extensions,
  });
  const same =
    changes.size === 0 &&
    extensions.accountData === sent.extensions.accountData &&
    extensions.receipts === sent.extensions.receipts;
  return {
    counts: selection.counts,
    rooms,
    extensions: answer,
    changed: same ? undefined : { rooms: new Map([...sent.rooms, ...changes]), extensions },
    complete,
  };
}

function select(matrix: MatrixContext, turn: RoomsTurn, list: RoomList, touched: TouchedRooms): Selection {
  const { userId, request, sent, since } = turn;
  const { settled } = sent;
  const wasSent = (nid: number): boolean => sent.rooms.has(nid);
  if (since !== undefined && settled?.asked === request.asked && !touched.order) {
    const typed = matrix.typing.changedSince(turn.typingSince).filter(wasSent);
    const nids = [...touched.read, ...touched.told, ...typed];
    const rooms = selectChanged(request, list, wasSent, since, settled.counts, nids);
    if (rooms) return { rooms, counts: settled.counts };
  }
  return selectRooms(matrix, userId, request, list, wasSent);
}

/** The room, unless the user's part in it has changed since the list was read: then it is the next answer's. */
function roomAsListed(matrix: MatrixContext, userId: string, listed: ListedRoom): Room | undefined {
  const room = matrix.rooms.byNid(listed.nid);
  return room?.members.get(userId) === listed.membership ? room : undefined;
}

/** Events whose receipts the client cannot have, as it had not the events. */
function shownIn(update: RoomUpdate | undefined): ReadonlySet<string> | undefined {
  if (!update?.timeline || !(update.initial || update.timeline.expanded)) return undefined;
  return new Set(update.timeline.events.map((event) => event.event_id));
}

interface TouchedRooms {
  /** In which the user has read, so that what is unread of them changed. */
  readonly read: ReadonlySet<number>;
  /** With receipts or account data that a connection may be told of. */
  readonly told: ReadonlySet<number>;
  /** Something may have changed that is no event and decides which rooms are shown, or as what. */
  readonly order: boolean;
}

const nothingTouched: TouchedRooms = { read: new Set(), told: new Set(), order: false };

/** Rooms with news besides events since the position. */
function touchedRooms(matrix: MatrixContext, { userId, request, since, now }: RoomsTurn): TouchedRooms {
  if (since === undefined || matrix.waiters.lastChange(userId) <= since) return nothingTouched;
  const read = new Set<number>();
  const told = new Set<number>();
  let order = false;
  for (const [nid, contents] of matrix.receipts.changesSince(userId, since, now)) {
    if (request.extensions.receipts) told.add(nid);
    if (hasReceiptOf(userId, contents)) read.add(nid);
  }
  for (const { room } of matrix.accountData.changesSince(userId, since, now)) {
    if (room === 0) order = true;
    else if (request.extensions.accountData) told.add(room);
  }
  return { read, told, order };
}

/** Rooms with news that the request does not ask for: what they have been sent ends at the position. */
function missedRooms(
  list: RoomList,
  selection: Selection,
  touched: TouchedRooms,
  since: number,
): Set<number> {
  const missed = new Set<number>();
  for (const { nid, recency } of list.sorted) {
    if (recency <= since) break;
    missed.add(nid);
  }
  for (const set of [touched.read, touched.told]) for (const nid of set) missed.add(nid);
  for (const nid of selection.rooms.keys()) missed.delete(nid);
  return missed;
}

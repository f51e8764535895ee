import type { MatrixContext } from "../matrix-context.ts";
import { createRoomTest } from "./list-filter.ts";
import type { ListRequest, RoomConfig, SlidingSyncRequest } from "./request.ts";
import type { ListedRoom, RoomList } from "./room-list.ts";
import { unite } from "./state-selector.ts";

/** A room that the request asks for. */
export interface SelectedRoom {
  readonly listed: ListedRoom;
  /** What all lists and the subscription ask of it together. */
  config: RoomConfig;
  /** The names of the lists with it in their ranges. */
  readonly lists: string[];
}

/** By nid, those of the lists in their order. */
export type SelectedRooms = ReadonlyMap<number, SelectedRoom>;

export interface Selection {
  readonly rooms: SelectedRooms;
  /** Rooms that match each list, whatever its ranges. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * The rooms that lists and subscriptions ask for (MSC4186 §Lists and subscriptions). A look at what memory holds:
 * nothing is read of rooms unless a filter asks it for the first time. `wasSent`: rooms that the user has left are
 * told of only then.
 */
export function selectRooms(
  matrix: MatrixContext,
  userId: string,
  request: SlidingSyncRequest,
  list: RoomList,
  wasSent: (nid: number) => boolean,
): Selection {
  const counts = new Map<string, number>();
  const { rooms, add } = createSelection();
  const shows = (room: ListedRoom): boolean => list.isPresent(room) || wasSent(room.nid);
  const present = request.lists.size > 0 ? list.sorted.filter(shows) : [];
  for (const [name, config] of request.lists) {
    const { filter } = config;
    const matching = filter ? present.filter(createRoomTest(matrix, userId, list, filter)) : present;
    counts.set(name, matching.length);
    for (const [start, end] of joinRanges(config, matching.length)) {
      for (let index = start; index <= end; index += 1) add(matching[index]!, config, name);
    }
  }
  for (const [roomId, config] of request.subscriptions) {
    const listed = list.find(roomId);
    if (listed && shows(listed)) add(listed, config, undefined);
  }
  return { rooms, counts };
}

/**
 * The same for a request that was answered to the end at `since`, but only the rooms with news: the others have
 * nothing to tell. Undefined where it takes a look at all of them: for filters, ranges in the middle, or when
 * the user's part in a room has changed. `counts` are those of that answer; `touched`: rooms with news other than
 * events.
 */
export function selectChanged(
  request: SlidingSyncRequest,
  list: RoomList,
  wasSent: (nid: number) => boolean,
  since: number,
  counts: Selection["counts"],
  touched: Iterable<number>,
): SelectedRooms | undefined {
  let shortest = Number.MAX_SAFE_INTEGER;
  let covers = true;
  for (const [name, config] of request.lists) {
    const count = counts.get(name) ?? 0;
    const [range, ...others] = joinRanges(config, count);
    if (config.filter || range?.[0] !== 0 || others.length > 0) return undefined;
    shortest = Math.min(shortest, range[1] + 1);
    covers &&= range[1] + 1 === count;
  }
  const chosen = new Set<ListedRoom>();
  // What has news is at the front of every list, and whatever it pushes out of a range has none.
  for (const room of list.sorted) {
    if (room.recency <= since) break;
    if (room.memberSo > since || chosen.size === shortest) return undefined;
    chosen.add(room);
  }
  for (const nid of touched) {
    const room = list.get(nid);
    if (!room || chosen.has(room) || !(list.isPresent(room) || wasSent(nid))) continue;
    if (!covers) return undefined;
    chosen.add(room);
  }
  const { rooms, add } = createSelection();
  for (const room of chosen) {
    for (const [name, config] of request.lists) add(room, config, name);
    const subscription = request.subscriptions.get(room.roomId);
    if (subscription) add(room, subscription, undefined);
  }
  return rooms;
}

/** Gathers rooms; one that is added again is asked the more of (MSC4186 §Combining room configs). */
function createSelection(): {
  rooms: SelectedRooms;
  add: (listed: ListedRoom, config: RoomConfig, list: string | undefined) => void;
} {
  const rooms = new Map<number, SelectedRoom>();
  const combine = createCombine();
  return {
    rooms,
    add(listed, config, name) {
      const known = rooms.get(listed.nid);
      if (known) {
        known.config = combine(known.config, config);
        if (name !== undefined) known.lists.push(name);
      } else {
        rooms.set(listed.nid, { listed, config, lists: name === undefined ? [] : [name] });
      }
    },
  };
}

/** The list's ranges, none over another, cut at its length. */
function joinRanges({ ranges }: ListRequest, length: number): (readonly [number, number])[] {
  const joined: [number, number][] = [];
  for (const [start, asked] of ranges.toSorted((one, other) => one[0] - other[0])) {
    const end = Math.min(asked, length - 1);
    const last = joined.at(-1);
    if (last && start <= last[1] + 1) last[1] = Math.max(last[1], end);
    else if (start <= end) joined.push([start, end]);
  }
  return joined;
}

/** Many rooms are in the same two lists: each pair of configs is combined once. */
function createCombine(): (one: RoomConfig, other: RoomConfig) => RoomConfig {
  const known = new Map<RoomConfig, Map<RoomConfig, RoomConfig>>();
  return (one, other) => {
    let ofOne = known.get(one);
    if (!ofOne) known.set(one, (ofOne = new Map()));
    let combined = ofOne.get(other);
    if (!combined) {
      combined = {
        state: unite(one.state, other.state),
        timelineLimit: Math.max(one.timelineLimit, other.timelineLimit),
      };
      ofOne.set(other, combined);
    }
    return combined;
  };
}

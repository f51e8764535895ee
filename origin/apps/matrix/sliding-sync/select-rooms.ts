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

export interface Selection {
  /** By nid, those of the lists in their order. */
  readonly rooms: ReadonlyMap<number, SelectedRoom>;
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
  const rooms = new Map<number, SelectedRoom>();
  const counts = new Map<string, number>();
  const combine = createCombine();
  const present =
    request.lists.size > 0 ? list.sorted.filter((room) => list.isPresent(room) || wasSent(room.nid)) : [];

  function add(listed: ListedRoom, config: RoomConfig, name: string | undefined): void {
    const known = rooms.get(listed.nid);
    if (known) {
      known.config = combine(known.config, config);
      if (name !== undefined) known.lists.push(name);
    } else {
      rooms.set(listed.nid, { listed, config, lists: name === undefined ? [] : [name] });
    }
  }

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
    if (listed && (list.isPresent(listed) || wasSent(listed.nid))) add(listed, config, undefined);
  }
  return { rooms, counts };
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

/** MSC4186 §Combining room configs. Many rooms are in the same two lists: each pair is combined once. */
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

import type { RoomEvent } from "../events/event.ts";
import type { Room } from "../rooms/room.ts";
import type { Database } from "../../../storage/database.ts";

/** MSC4186 §RoomResult, `bump_stamp`: what a person would call activity. */
const bumping = [
  "m.room.create",
  "m.room.message",
  "m.room.encrypted",
  "m.sticker",
  "m.call.invite",
  "m.poll.start",
  "org.matrix.msc3381.poll.start",
  "m.beacon_info",
  "org.matrix.msc3672.beacon_info",
];

/**
 * The position of the room's last activity. `news`: only these events are new to the client, and undefined means that
 * none of them moves the room.
 */
export type BumpStamps = (room: Room, news: readonly RoomEvent[] | undefined) => number | undefined;

export function createBumpStamps(database: Database): BumpStamps {
  // Back along the room's line, to the first that fits: mostly the first one looked at.
  const last = database.prepare<{ so: number }>(
    `SELECT so FROM events INDEXED BY events_by_room
     WHERE room = ? AND type IN (${bumping.map(() => "?").join(", ")}) ORDER BY so DESC LIMIT 1`,
  );
  return (room, news) =>
    news
      ? news.findLast(({ pdu }) => bumping.includes(pdu.type))?.so
      : (last.get(room.nid, ...bumping)?.so ?? room.last?.so);
}

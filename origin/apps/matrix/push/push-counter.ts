import type { Transaction } from "../../../storage/writer.ts";
import type { RoomEvent } from "../events/event.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import type { Evaluator } from "./evaluate.ts";
import type { UnreadMarks } from "./unread-marks.ts";

/**
 * Marks an event as unread for each member whom it should notify, judged when the event enters (by the rules of that
 * moment), so that a receipt only has to delete.
 */
export interface PushCounter {
  count(transaction: Transaction, room: Room, event: RoomEvent, thread: string): void;
  /** A redacted event no longer counts for anyone. */
  uncount(so: number, room: Room): void;
}

export function createPushCounter(parts: {
  unread: UnreadMarks;
  /** The member's compiled rules; undefined for someone without an account here. */
  evaluatorOf: (userId: string) => Evaluator | undefined;
  ignores: (userId: string, sender: string) => boolean;
}): PushCounter {
  const { unread } = parts;
  return {
    count(transaction, room, event, thread) {
      const { so } = event;
      const { sender } = event.pdu;
      // Sending is reading: what stood before in that thread is seen.
      unread.clear(sender, room.nid, so, thread);
      const memberCount = room.joined.size;
      const target = event.pdu.type === "m.room.member" ? event.pdu.state_key : undefined;
      const consider = (userId: string): void => {
        if (userId === sender || parts.ignores(userId, sender)) return;
        const displayName = stateOf(room, "m.room.member", userId)?.pdu.content["displayname"];
        const verdict = parts.evaluatorOf(userId)?.(event, {
          room,
          memberCount,
          displayName: typeof displayName === "string" ? displayName : undefined,
        });
        if (!verdict?.notify) return;
        unread.add(transaction, userId, room.nid, { so, thread, highlight: verdict.highlight });
      };
      for (const userId of room.joined) consider(userId);
      // An invitation notifies somebody who is not in the room yet.
      if (target !== undefined && event.pdu.content["membership"] === "invite") consider(target);
    },
    uncount(so, room) {
      for (const userId of room.members.keys()) unread.remove(userId, room.nid, so);
    },
  };
}

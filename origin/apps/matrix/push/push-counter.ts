import type { Transaction } from "../../../storage/writer.ts";
import type { RoomEvent } from "../events/event.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import type { Evaluator, PushFacts } from "./evaluate.ts";
import type { UnreadMarks } from "./unread-marks.ts";

/**
 * Notes for each event whom it should notify, judged when the event enters (by the rules of that moment), so that
 * counting what is unread asks no rules.
 */
export interface PushCounter {
  count(transaction: Transaction, room: Room, event: RoomEvent, thread: string): void;
  /** A redacted event no longer counts for anyone. */
  uncount(transaction: Transaction, room: Room, so: number): void;
}

export function createPushCounter(parts: {
  unread: UnreadMarks;
  /** The member's compiled rules; undefined for someone without an account here. */
  evaluatorOf: (userId: string) => Evaluator | undefined;
  ignores: (userId: string, sender: string) => boolean;
  /** The members who have subscribed to the thread. */
  subscribers: (room: number, root: string) => ReadonlySet<string>;
  /** The event at `so` notifies these members. */
  ring: (transaction: Transaction, userIds: readonly string[], so: number) => void;
  /** Whether the member is not to be shown an invitation from the sender. */
  hidesInvite: (userId: string, sender: string) => boolean;
}): PushCounter {
  const { unread, evaluatorOf, ignores, subscribers, ring, hidesInvite } = parts;

  function followMember(transaction: Transaction, room: Room, { so, pdu }: RoomEvent, member: string): void {
    const membership = pdu.content["membership"];
    if (membership === "join") unread.enter(transaction, member, room.nid, so);
    // The invitation itself is news.
    if (membership === "invite") unread.enter(transaction, member, room.nid, so - 1);
    if (membership === "leave" || membership === "ban") unread.leave(transaction, member, room.nid);
  }

  return {
    count(transaction, room, event, thread) {
      const { so, pdu } = event;
      const { sender } = pdu;
      const member = pdu.type === "m.room.member" ? pdu.state_key : undefined;
      if (member !== undefined) followMember(transaction, room, event, member);
      // Sending is reading: what stood before in that thread is seen.
      unread.clear(transaction, sender, room.nid, so, thread);

      const users: string[] = [];
      const highlighted: string[] = [];
      const tweaked = new Map<string, string[]>();
      let judging = "";
      let subscribed: ReadonlySet<string> | undefined;
      // One for all members, and the rest only where a rule asks: this loop is most of what a message costs.
      const facts: PushFacts = {
        room,
        memberCount: room.joined.size,
        get displayName() {
          const name = stateOf(room, "m.room.member", judging)?.pdu.content["displayname"];
          return typeof name === "string" ? name : undefined;
        },
        get subscribed() {
          if (thread === "main") return undefined;
          return (subscribed ??= subscribers(room.nid, thread)).has(judging);
        },
      };
      const consider = (userId: string): void => {
        if (userId === sender || ignores(userId, sender)) return;
        judging = userId;
        const verdict = evaluatorOf(userId)?.(event, facts);
        if (!verdict?.notify) return;
        users.push(userId);
        if (verdict.highlight) highlighted.push(userId);
        if (verdict.tweaks === "") return;
        const alike = tweaked.get(verdict.tweaks);
        if (alike) alike.push(userId);
        else tweaked.set(verdict.tweaks, [userId]);
      };
      for (const userId of room.joined) consider(userId);
      // An invitation notifies somebody who is not in the room yet.
      const isInvite = member !== undefined && pdu.content["membership"] === "invite";
      if (isInvite && !hidesInvite(member, sender)) consider(member);
      if (users.length === 0) return;
      unread.add(transaction, room.nid, { so, thread, users, highlighted, tweaked });
      ring(transaction, users, so);
    },
    uncount: (transaction, room, so) => unread.remove(transaction, room.nid, so),
  };
}

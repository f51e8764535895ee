import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject, RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { checkCanonicalAlias } from "./aliases.ts";
import { followTombstone } from "./follow-tombstone.ts";
import { isSame, setMembership } from "./membership.ts";
import { type Room, stateOf } from "./room.ts";

/**
 * Sets a piece of a room's state. What its sender has already set so gives the event that did it: clients repeat
 * themselves, and nobody needs to hear it twice.
 */
export function setState(
  matrix: MatrixContext,
  transaction: Transaction,
  room: Room,
  draft: { type: string; stateKey: string; sender: string; content: JsonObject },
): RoomEvent {
  const { type, stateKey, sender, content } = draft;
  if (type === "m.room.member") {
    return setMembership(matrix, transaction, room, { sender, target: stateKey, content });
  }
  const present = stateOf(room, type, stateKey);
  if (present && present.pdu.sender === sender && room.joined.has(sender) && isSame(present, content)) {
    return present;
  }
  if (type === "m.room.canonical_alias") checkCanonicalAlias(matrix, room, content);
  const event = matrix.append(transaction, room, draft);
  if (type === "m.room.tombstone") followTombstone(matrix, transaction, room);
  return event;
}

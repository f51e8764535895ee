import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { carryRulesOver } from "../push/rule-set.ts";
import { type Room, stateOf } from "./room.ts";

/**
 * What the members of a room have made of it for themselves goes over to the room that its tombstone names: their push
 * rules, their tags, and that it is a direct chat. However the upgrade was made, but only where the other room names
 * this one as its predecessor: else a tombstone could turn any room into somebody's favourite.
 */
export function followTombstone(matrix: MatrixContext, transaction: Transaction, room: Room): void {
  const replacement = stateOf(room, "m.room.tombstone")?.pdu.content["replacement_room"];
  const next = typeof replacement === "string" ? matrix.rooms.get(replacement) : undefined;
  if (!next || next === room || predecessorOf(next) !== room.roomId) return;
  for (const userId of room.joined) {
    carryPushRules(matrix, transaction, userId, room, next);
    carryTags(matrix, transaction, userId, room, next);
    carryDirect(matrix, transaction, userId, room, next);
  }
}

/** The room id of the room that this one replaces. */
export function predecessorOf(room: Room): string | undefined {
  const predecessor = stateOf(room, "m.room.create")?.pdu.content["predecessor"];
  if (typeof predecessor !== "object" || predecessor === null || Array.isArray(predecessor)) return undefined;
  return typeof predecessor["room_id"] === "string" ? predecessor["room_id"] : undefined;
}

type Carry = (matrix: MatrixContext, transaction: Transaction, userId: string, from: Room, to: Room) => void;

const carryPushRules: Carry = (matrix, transaction, userId, from, to) => {
  matrix.userRules.revise(transaction, userId, (choices) => carryRulesOver(choices, from.roomId, to.roomId));
};

const carryTags: Carry = ({ accountData }, transaction, userId, from, to) => {
  const tags = accountData.get(userId, from.nid, "m.tag");
  if (tags && !accountData.get(userId, to.nid, "m.tag")) {
    accountData.set(transaction, userId, to.nid, "m.tag", tags);
  }
};

const carryDirect: Carry = ({ accountData }, transaction, userId, from, to) => {
  const direct = accountData.get(userId, 0, "m.direct");
  if (!direct) return;
  const carried: JsonObject = { ...direct };
  for (const [person, rooms] of Object.entries(direct)) {
    // Clients write it, so it may be anything.
    if (!Array.isArray(rooms) || !rooms.includes(from.roomId) || rooms.includes(to.roomId)) continue;
    carried[person] = [...rooms, to.roomId];
  }
  if (Object.entries(direct).some(([person, rooms]) => carried[person] !== rooms)) {
    accountData.set(transaction, userId, 0, "m.direct", carried);
  }
};

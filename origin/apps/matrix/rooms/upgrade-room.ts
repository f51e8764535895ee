import type { Transaction } from "../../../storage/writer.ts";
import { isRuleOf, joinRuleOf } from "../events/authorise.ts";
import type { JsonObject } from "../events/event.ts";
import { integersOf, isCreator, requiredLevel, userLevel } from "../events/power-levels.ts";
import type { RoomVersion } from "../events/room-version.ts";
import { forbidden, MatrixError } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { requireJoined } from "./access.ts";
import { moveAddresses } from "./aliases.ts";
import { beginRoom } from "./create-room.ts";
import { predecessorOf } from "./follow-tombstone.ts";
import { setMembership } from "./membership.ts";
import { type Room, stateOf } from "./room.ts";
import { setState } from "./state.ts";

export interface UpgradeRequest {
  readonly roomId: string;
  readonly userId: string;
  readonly version: RoomVersion;
  /** From version 12 on; before without effect. */
  readonly additionalCreators: readonly string[];
}

/** Copied as they stand. What points at events of the old room, as the pinned ones, stays there. */
const copied = [
  "m.room.encryption",
  "m.room.server_acl",
  "m.room.history_visibility",
  "m.room.guest_access",
  "m.room.name",
  "m.room.topic",
  "m.room.avatar",
  // Which members are bots and do not count for the room's name; the room's own emoji.
  "io.element.functional_members",
  "im.ponies.room_emotes",
];
/** Copied with every state key: where the room stands among the spaces, and what stands in it. */
const copiedLinks = ["m.space.parent", "m.space.child"];

/** Bans and links: an upgrade is one write, during which nobody else's is done. */
const mostCopied = 1000;

/**
 * Replaces a room by a new one of another version (specification §Room upgrades), all inside the one write: whatever is
 * refused on the way, nothing has changed. Gives the new room. Asked again by the same user, as after an answer that
 * got lost, it gives the room that it made. Throws 403 M_FORBIDDEN, 400 where the room is too large to copy.
 */
export function upgradeRoom(matrix: MatrixContext, transaction: Transaction, request: UpgradeRequest): Room {
  const { userId, version } = request;
  const old = requireJoined(matrix, request.roomId, userId);
  const level = userLevel(old, userId);
  const required = requiredLevel(old, "m.room.tombstone", true);
  if (level < required) {
    throw forbidden(`Upgrading this room takes power level ${required}; yours is ${level}.`);
  }
  const done = earlierUpgrade(matrix, old, request);
  if (done) return done;

  const room = beginRoom(matrix, transaction, {
    creator: userId,
    version,
    content: creationContentFor(old, version),
    trusted: request.additionalCreators,
  });
  // The levels come last: until then those hold that let a creator do everything, whatever the old room says.
  copyState(matrix, transaction, old, room, userId);
  copyBans(matrix, transaction, old, room, userId);
  moveAddresses(matrix, transaction, { from: old, to: room, userId });
  const levels = powerLevelsFor(old, room, userId);
  setState(matrix, transaction, room, {
    type: "m.room.power_levels",
    stateKey: "",
    sender: userId,
    content: levels,
  });
  setState(matrix, transaction, old, {
    type: "m.room.tombstone",
    stateKey: "",
    sender: userId,
    content: { body: "This room has been replaced", replacement_room: room.roomId },
  });
  quieten(matrix, transaction, old, userId);
  return room;
}

/** The room that this user has upgraded to already, in the same way and still being in it. */
function earlierUpgrade(matrix: MatrixContext, old: Room, request: UpgradeRequest): Room | undefined {
  const tombstone = stateOf(old, "m.room.tombstone")?.pdu;
  const replacement = tombstone?.content["replacement_room"];
  if (tombstone?.sender !== request.userId || typeof replacement !== "string") return undefined;
  const room = matrix.rooms.get(replacement);
  if (room?.version.id !== request.version.id || !room.joined.has(request.userId)) return undefined;
  const create = stateOf(room, "m.room.create")?.pdu;
  if (create?.sender !== request.userId || predecessorOf(room) !== old.roomId) return undefined;
  if (!request.version.privilegedCreators) return room;
  return request.additionalCreators.every((user) => isCreator(room, user)) ? room : undefined;
}

function creationContentFor(old: Room, version: RoomVersion): JsonObject {
  const { additional_creators: _, ...content } = stateOf(old, "m.room.create")?.pdu.content ?? {};
  return {
    ...content,
    predecessor: {
      room_id: old.roomId,
      // Gone from version 12 on (MSC4291): there the link is the tombstone's to make.
      ...(!version.roomIdIsHash && old.last && { event_id: old.last.eventId }),
    },
  };
}

function copyState(
  matrix: MatrixContext,
  transaction: Transaction,
  old: Room,
  room: Room,
  userId: string,
): void {
  const copy = (type: string, stateKey: string, content: JsonObject | undefined): void => {
    // What was redacted or emptied says nothing, and some of it would not be taken.
    if (!content || Object.keys(content).length === 0) return;
    setState(matrix, transaction, room, { type, stateKey, sender: userId, content });
  };
  for (const type of copied) copy(type, "", stateOf(old, type)?.pdu.content);
  copy("m.room.join_rules", "", joinRulesFor(old, room.version));
  const links = [...old.state.values()].filter(({ pdu }) => copiedLinks.includes(pdu.type));
  refuseBeyond(links.length, "links to spaces and rooms");
  for (const { pdu } of links) copy(pdu.type, pdu.state_key ?? "", pdu.content);
}

/** The same rule, or for a version that does not know it the nearest that opens the room no further. */
function joinRulesFor(old: Room, version: RoomVersion): JsonObject | undefined {
  const content = stateOf(old, "m.room.join_rules")?.pdu.content;
  const rule = joinRuleOf(old);
  if (!content || isRuleOf({ version }, rule) || !isRuleOf(old, rule)) return content;
  if (rule === "knock_restricted" && version.restrictedJoins) return { ...content, join_rule: "restricted" };
  return { join_rule: "invite" };
}

function copyBans(
  matrix: MatrixContext,
  transaction: Transaction,
  old: Room,
  room: Room,
  userId: string,
): void {
  const banned = [...old.members].filter(([, membership]) => membership === "ban");
  refuseBeyond(banned.length, "bans");
  for (const [target] of banned) {
    if (isCreator(room, target)) continue;
    const reason = stateOf(old, "m.room.member", target)?.pdu.content["reason"];
    setMembership(matrix, transaction, room, {
      sender: userId,
      target,
      content: { membership: "ban", ...(typeof reason === "string" && { reason }) },
    });
  }
}

function refuseBeyond(count: number, what: string): void {
  if (count <= mostCopied) return;
  throw new MatrixError(
    400,
    "M_LIMIT_EXCEEDED",
    `The room has ${count} ${what}; one with more than ${mostCopied} cannot be upgraded. Remove some first.`,
  );
}

/**
 * The old room's levels. Creators of version 12 stand above them and must not be named. Where levels rested on the old
 * room's making alone they are written out; a new room that knows no such creators names the old ones at its top.
 */
function powerLevelsFor(old: Room, room: Room, userId: string): JsonObject {
  const content = stateOf(old, "m.room.power_levels")?.pdu.content;
  const users = integersOf(content?.["users"]);
  const unnamed = old.version.privilegedCreators ? !room.version.privilegedCreators : content === undefined;
  if (unnamed) {
    const top = Math.max(100, ...levelsIn(content));
    for (const user of new Set([userId, ...old.members.keys()])) {
      if (isCreator(old, user)) users.set(user, top);
    }
  }
  if (room.version.privilegedCreators) {
    for (const user of users.keys()) if (isCreator(room, user)) users.delete(user);
  }
  return { ...content, users: Object.fromEntries(users) };
}

function levelsIn(content: JsonObject | undefined): number[] {
  const groups = ["users", "events"].flatMap((group) => [...integersOf(content?.[group]).values()]);
  return [...groups, ...integersOf(content).values()];
}

/**
 * §Room upgrades, step 6: nobody but those who stand out speaks in the old room or invites to it. "If possible": who may
 * put up a tombstone need not have a say in the levels.
 */
function quieten(matrix: MatrixContext, transaction: Transaction, old: Room, userId: string): void {
  const content = stateOf(old, "m.room.power_levels")?.pdu.content;
  // Without that event the creator's level rests on its absence.
  if (!content) return;
  const levels = integersOf(content);
  const least = Math.max(50, (levels.get("users_default") ?? 0) + 1);
  const quiet = {
    ...content,
    events_default: Math.max(least, levels.get("events_default") ?? 0),
    invite: Math.max(least, levels.get("invite") ?? 0),
  };
  try {
    setState(matrix, transaction, old, {
      type: "m.room.power_levels",
      stateKey: "",
      sender: userId,
      content: quiet,
    });
  } catch (error) {
    // A refusal has changed nothing.
    if (!(error instanceof MatrixError)) throw error;
  }
}

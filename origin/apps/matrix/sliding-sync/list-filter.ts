import type { MatrixContext } from "../matrix-context.ts";
import { stateOf } from "../rooms/room.ts";
import type { ListedRoom, RoomFacts, RoomList } from "./room-list.ts";

/** MSC4186 §SlidingRoomFilter. What is absent is not asked. */
export interface ListFilter {
  readonly isDm: boolean | undefined;
  readonly isEncrypted: boolean | undefined;
  readonly isInvited: boolean | undefined;
  readonly isTombstoned: boolean | undefined;
  /** Room ids of the spaces. */
  readonly spaces: readonly string[] | undefined;
  /** `null`: rooms without a type. */
  readonly roomTypes: ReadonlySet<string | null> | undefined;
  readonly notRoomTypes: ReadonlySet<string | null> | undefined;
  readonly tags: readonly string[] | undefined;
  readonly notTags: readonly string[] | undefined;
}

/** Makes the test of one answer: what holds for all rooms is looked up once. */
export function createRoomTest(
  matrix: MatrixContext,
  userId: string,
  list: RoomList,
  filter: ListFilter,
): (room: ListedRoom) => boolean {
  const { isDm, isInvited, isEncrypted, isTombstoned, roomTypes, notRoomTypes, tags, notTags } = filter;
  const inSpaces = filter.spaces && childrenOf(matrix, userId, filter.spaces);
  const asksFacts = [isEncrypted, isTombstoned, roomTypes, notRoomTypes, tags, notTags].some(
    (asked) => asked !== undefined,
  );

  function factsHold(facts: RoomFacts): boolean {
    if (isEncrypted !== undefined && facts.encrypted !== isEncrypted) return false;
    if (isTombstoned !== undefined && facts.tombstoned !== isTombstoned) return false;
    if (roomTypes && !roomTypes.has(facts.type)) return false;
    if (notRoomTypes?.has(facts.type)) return false;
    if (tags && !tags.some((tag) => facts.tags.has(tag))) return false;
    return !notTags?.some((tag) => facts.tags.has(tag));
  }

  return (room) => {
    if (isInvited !== undefined && (room.membership === "invite") !== isInvited) return false;
    if (isDm !== undefined && list.isDm(room) !== isDm) return false;
    if (inSpaces && !inSpaces.has(room.roomId)) return false;
    return !asksFacts || factsHold(list.facts(room));
  };
}

/** Only those that the spaces name themselves, and only of spaces that the user is in. */
function childrenOf(matrix: MatrixContext, userId: string, spaces: readonly string[]): Set<string> {
  const children = new Set<string>();
  for (const spaceId of spaces) {
    const space = matrix.rooms.get(spaceId);
    if (!space?.joined.has(userId)) continue;
    if (stateOf(space, "m.room.create")?.pdu.content["type"] !== "m.space") continue;
    for (const { pdu } of space.state.values()) {
      // A child without `via` has been taken out of the space.
      if (pdu.type === "m.space.child" && Array.isArray(pdu.content["via"])) {
        children.add(pdu.state_key ?? "");
      }
    }
  }
  return children;
}

import type { RoomEvent } from "../events/event.ts";
import { stateKey } from "../rooms/room.ts";
import type { RoomStretch } from "./room-stretch.ts";
import type { UpdateScope } from "./update-scope.ts";
import type { StateSelector } from "./state-selector.ts";

/** Which lazily loaded members a connection holds, as the request and its answer are numbered. */
export interface SentMembers {
  knows(room: number, member: string, memberSo: number): boolean;
  sent(room: number, member: string, memberSo: number): void;
}

const isMember = ({ pdu }: RoomEvent): boolean => pdu.type === "m.room.member";

/**
 * The `required_state` of an answer: all that is asked of a room that the client gets whole; else what changed of it,
 * and what is asked now and was not before (MSC4186 §Changes to `required_state`).
 */
export function readRequiredState(
  sentMembers: SentMembers,
  stretch: RoomStretch,
  scope: UpdateScope,
): RoomEvent[] {
  const { room, whole, timeline, changes } = stretch;
  const { config, sent } = scope;
  const selector = config.state;
  const chosen = new Map<string, RoomEvent>();
  const choose = (event: RoomEvent): void =>
    void chosen.set(stateKey(event.pdu.type, event.pdu.state_key ?? ""), event);

  if (whole) for (const event of stateAmong(stretch, selector, scope)) choose(event);
  else {
    for (const event of changes) if (selector.matches(event)) choose(event);
    const before = sent?.state;
    if (before && before.id !== selector.id) {
      for (const event of stateAmong(stretch, selector, scope)) if (!before.matches(event)) choose(event);
    }
  }
  if (!selector.lazyMembers) return [...chosen.values()];

  // MSC4186 §Lazy loaded memberships: who is in the timeline, and without a gap everyone whose membership changed.
  if (!whole && !timeline.limited) for (const event of changes) if (isMember(event)) choose(event);
  for (const member of membersOf(timeline.events)) {
    const event = chosen.has(stateKey("m.room.member", member))
      ? undefined
      : stretch.stateEvent("m.room.member", member);
    if (event && (whole || !sentMembers.knows(room.nid, member, event.so))) choose(event);
  }
  for (const event of chosen.values()) {
    if (isMember(event)) sentMembers.sent(room.nid, event.pdu.state_key ?? "", event.so);
  }
  return [...chosen.values()];
}

function stateAmong(
  stretch: RoomStretch,
  selector: StateSelector,
  { listed }: UpdateScope,
): readonly RoomEvent[] {
  if (listed.membership === "join") return selector.among(stretch.room);
  return stretch.state().filter((event) => selector.matches(event));
}

function membersOf(timeline: readonly RoomEvent[]): Set<string> {
  const members = new Set<string>();
  for (const event of timeline) {
    members.add(event.pdu.sender);
    if (isMember(event)) members.add(event.pdu.state_key ?? "");
  }
  return members;
}

import type { JsonObject, RoomEvent } from "../events/event.ts";
import { type Room, stateOf } from "../rooms/room.ts";

export interface StrippedEvent {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly content: JsonObject;
}

/** Specification §Stripped state: what lets a person decide, and nothing more of a room they are not in. */
const shown = [
  "m.room.name",
  "m.room.avatar",
  "m.room.topic",
  "m.room.join_rules",
  "m.room.canonical_alias",
  "m.room.encryption",
];

/** The stripped state for someone invited or knocking: of members only themselves and whoever acted on them. */
export function strippedState(
  room: Room,
  userId: string,
  toClient: (event: RoomEvent) => object,
): (StrippedEvent | object)[] {
  const events: (StrippedEvent | object)[] = [];
  const create = stateOf(room, "m.room.create");
  // MSC4311: the create event in full, so that a client can check the room's id and creators.
  if (create) events.push(toClient(create));
  for (const type of shown) {
    const event = stateOf(room, type);
    if (event) events.push(strip(event));
  }
  const own = stateOf(room, "m.room.member", userId);
  const sender =
    own && own.pdu.sender !== userId ? stateOf(room, "m.room.member", own.pdu.sender) : undefined;
  if (sender) events.push(strip(sender));
  if (own) events.push(strip(own));
  return events;
}

function strip({ pdu }: RoomEvent): StrippedEvent {
  return { type: pdu.type, state_key: pdu.state_key ?? "", sender: pdu.sender, content: pdu.content };
}

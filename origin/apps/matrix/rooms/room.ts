import type { AuthState, RoomEvent } from "../events/event.ts";
import type { RoomVersion } from "../events/room-version.ts";

export type Membership = "join" | "invite" | "leave" | "ban" | "knock";

/**
 * A room as it is now, in memory. It mirrors the tables, is changed only by `append` inside a write, and is
 * thrown away when that write is undone: never hold one over an await, ask the store again.
 */
export interface Room extends AuthState {
  readonly nid: number;
  readonly roomId: string;
  readonly version: RoomVersion;
  /** Its owner had it deleted: nobody enters it or speaks in it any more, one can only be out of it. */
  readonly deleted: boolean;
  /** The current state by `stateKey(type, key)`. */
  readonly state: Map<string, RoomEvent>;
  /** The newest position at which any of it was set: after it the state has not changed. */
  stateSo: number;
  /** Everyone's current membership; absent means never there. */
  readonly members: Map<string, Membership>;
  /** Users whose membership is join, in the order of joining. */
  readonly joined: Set<string>;
  /** The newest event, onto which the next is chained. */
  last: { eventId: string; so: number; depth: number } | undefined;
}

/** One text for a (type, state key) pair; neither may contain NUL. */
export const stateKey = (type: string, key: string): string => `${type}\0${key}`;

/** The current state event, with its position. */
export const stateOf = (room: Room, type: string, key = ""): RoomEvent | undefined =>
  room.state.get(stateKey(type, key));

export const membershipOf = (room: Room, userId: string): Membership | undefined => room.members.get(userId);

import type { PresenceState } from "../users/presence.ts";
import type { ListFilter } from "./list-filter.ts";
import type { Pos } from "./pos.ts";
import type { StateSelector } from "./state-selector.ts";

/** The form that today's clients speak, and the one that was accepted as MSC4186. */
export type Dialect = "unstable" | "accepted";

/** A request in either dialect, checked. */
export interface SlidingSyncRequest {
  readonly dialect: Dialect;
  readonly connId: string;
  /** Absent: a new connection. */
  readonly pos: Pos | undefined;
  /** ms */
  readonly timeout: number;
  /** How the user is to be shown while the client asks. */
  readonly presence: PresenceState;
  readonly txnId: string | undefined;
  readonly lists: ReadonlyMap<string, ListRequest>;
  /** By room id. */
  readonly subscriptions: ReadonlyMap<string, RoomConfig>;
  readonly extensions: ExtensionsRequest;
  /** A short name for the rooms and extensions that are asked for. */
  readonly asked: string;
}

/** What is to be told of a room. */
export interface RoomConfig {
  readonly state: StateSelector;
  readonly timelineLimit: number;
}

export interface ListRequest extends RoomConfig {
  /** First and last index, both included. */
  readonly ranges: readonly (readonly [number, number])[];
  /** Absent: all rooms. */
  readonly filter: ListFilter | undefined;
}

export interface ExtensionsRequest {
  readonly toDevice: { readonly limit: number; readonly since: number | undefined } | undefined;
  readonly e2ee: boolean;
  readonly accountData: RoomSelection | undefined;
  readonly receipts: RoomSelection | undefined;
  readonly typing: RoomSelection | undefined;
  /** MSC4308. */
  readonly threadSubscriptions: { readonly limit: number } | undefined;
}

/** Which of the request's rooms an extension looks at; absent: all of the kind. */
export interface RoomSelection {
  readonly lists: ReadonlySet<string> | undefined;
  readonly rooms: ReadonlySet<string> | undefined;
}

import type { RoomVersion } from "./room-version.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * An event as it is hashed and kept: the federation format of the room versions from 3 on, without signatures, which
 * only other servers would read (M1).
 */
export interface Pdu {
  /** Absent in the create event of version 12, whose room id is its own hash. */
  room_id?: string;
  type: string;
  state_key?: string;
  sender: string;
  origin_server_ts: number;
  content: JsonObject;
  /** Top level up to version 10; from 11 on it stands in the content. */
  redacts?: string;
  prev_events: string[];
  auth_events: string[];
  depth: number;
  hashes: { sha256: string };
}

/** An event in the room's line. `so` (stream ordering) is its place in the server's one sequence of facts. */
export interface RoomEvent {
  readonly so: number;
  readonly eventId: string;
  readonly roomId: string;
  /** Already stripped when the event has been redacted. */
  readonly pdu: Pdu;
  /** The id of the redaction that stripped it. */
  readonly redactedBy: string | null;
}

/** What the authorisation rules may look at: the state just before the event. */
export interface AuthState {
  readonly version: RoomVersion;
  get(type: string, stateKey: string): StateEvent | undefined;
}

export interface StateEvent {
  readonly eventId: string;
  readonly sender: string;
  readonly content: JsonObject;
}

import type { RoomConfig } from "./request.ts";
import type { ListedRoom } from "./room-list.ts";
import { live, type SentRoom } from "./sent-state.ts";

/** One room in one answer. */
export interface UpdateScope {
  readonly userId: string;
  readonly deviceId: string;
  readonly listed: ListedRoom;
  readonly config: RoomConfig;
  /** What the connection has of the room. */
  readonly sent: SentRoom | undefined;
  /** The position that the client presents; undefined for a new connection. */
  readonly since: number | undefined;
  readonly now: number;
  readonly isDm: boolean;
  /** The user may have read in the room since. */
  readonly countsChanged: boolean;
}

/** How far the client has the room; 0: not at all. */
export const sentUpTo = (sent: SentRoom | undefined, since: number | undefined): number =>
  sent === undefined ? 0 : sent.upTo === live ? (since ?? 0) : sent.upTo;

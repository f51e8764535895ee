import type { Connection } from "./connections.ts";
import type { SlidingSyncRequest } from "./request.ts";
import type { SentState } from "./sent-state.ts";

/** One request, where its connection stands. */
export interface Turn {
  readonly userId: string;
  readonly deviceId: string;
  readonly request: SlidingSyncRequest;
  readonly connection: Connection;
  /** What the client has been sent, as its position says. */
  readonly sent: SentState;
}

import type { Filter } from "./filter.ts";
import type { Position } from "./position.ts";

/** Where an answer puts the state: as of the timeline's start, or of its end (MSC4222, stable in v1.16). */
export type StateKey = "state" | "state_after" | "org.matrix.msc4222.state_after";

/** A parsed GET /sync. */
export interface SyncRequest {
  readonly userId: string;
  readonly deviceId: string;
  /** Absent: everything. */
  readonly since: Position | undefined;
  readonly filter: Filter;
  readonly fullState: boolean;
  readonly stateKey: StateKey;
}

/** A list of events, as most parts of the answer are. */
export interface EventList {
  readonly events: readonly object[];
}

export interface TimelineSection extends EventList {
  readonly limited: boolean;
  readonly prev_batch: string;
}

/** Something that the owner should know of. */
export interface Alert {
  /** Stable: what is wrong and where (`backup-late`, `service-degraded:NAME`). One is open at most once. */
  readonly id: string;
  readonly severity: "warning" | "critical";
  readonly title: string;
  /** What was found, and what to do. No secret belongs here; known ones are blotted out. */
  readonly detail: string;
}

/** One time that something was wrong. Times are Unix milliseconds. */
export interface AlertRecord extends Alert {
  readonly seq: number;
  readonly raisedAt: number;
  readonly lastRaisedAt: number;
  /** Null while it holds. */
  readonly clearedAt: number | null;
}

import { HEARTBEAT_EVERY_MS } from "../../shared/heartbeat.ts";

/** What is known of the origin from one look to the next; times in unix milliseconds. */
export interface Watched {
  /** Its last sign of life; null: it never gave one. */
  lastBeat: number | null;
  /** Since when it has not answered well; null: it does. */
  failingSince: number | null;
  /** What the owner was told last. */
  announced: "silent" | "returned";
}

/** What the owner is to be told. */
export interface News {
  kind: Watched["announced"];
  detail: string;
}

export const NOTHING_WATCHED: Watched = { lastBeat: null, failingSince: null, announced: "returned" };

/** Two signs of life may be missed, a phone that changes its network misses one. */
const SILENT_AFTER_MS = 2.2 * HEARTBEAT_EVERY_MS;
/** It counts as away at the second look in a row. */
const AWAY_AFTER_MS = 0.8 * HEARTBEAT_EVERY_MS;

/**
 * Judges one look at the origin: its health as it answers (`well`, or a word), and whether it still calls by itself.
 * Each way it goes is told once: when it falls silent, and when both are well again.
 */
export function judgeSilence(
  before: Watched,
  { health, now }: { health: string; now: number },
): { watched: Watched; news: News | undefined } {
  const failingSince = health === "well" ? null : (before.failingSince ?? now);
  const watched = { ...before, failingSince };
  const isQuiet = before.lastBeat !== null && now - before.lastBeat > SILENT_AFTER_MS;
  const isAway = failingSince !== null && now - failingSince >= AWAY_AFTER_MS;
  if ((isQuiet || isAway) && before.announced === "returned")
    return { watched, news: { kind: "silent", detail: describe(health, isQuiet ? before.lastBeat : null) } };
  if (!isQuiet && failingSince === null && before.announced === "silent")
    return { watched, news: { kind: "returned", detail: "The server answers again." } };
  return { watched, news: undefined };
}

function describe(health: string, lastBeat: number | null): string {
  const quiet =
    lastBeat === null ? "" : ` It last gave a sign of life at ${new Date(lastBeat).toISOString()}.`;
  return `${REASONS[health] ?? `Asked for its health it gives ${health}.`}${quiet}`;
}

const REASONS: Readonly<Record<string, string>> = {
  well: "The server answers the edge, and does not get out to it: look at the device's network.",
  away: "The server does not answer the edge: the device, its network or its tunnel is down.",
  unproved:
    "Something else answers in the server's place, and what it says is dropped: look at the tunnel, and at EDGE_KEY.",
  refused: "The server answers and does not believe the edge: EDGE_KEY and secrets/edge-key differ.",
  stale: "The server answers, and its clock does not stand still.",
};

import { PANIC_LEVELS, type PanicLevel } from "./panic.ts";

/** Where the edge takes the origin's signs of life. */
export const HEARTBEAT_PATH = "/_burrow/heartbeat";
/** Header field of a sign of life: whose it is, when, and the mac. */
export const HEARTBEAT_HEADER = "burrow-heartbeat";
/** How often the origin sends one, in milliseconds: 288 requests a day of the edge's 100,000. */
export const HEARTBEAT_EVERY_MS = 300_000;
/** Largest in bytes. */
export const HEARTBEAT_MAX_BYTES = 1_024;

/** What a sign of life says: the JSON body of the order. */
export interface Heartbeat {
  /** In force at the origin. */
  readonly panic: Exclude<PanicLevel, "lost">;
}

/** What the edge answers to one whose mac is right; `time` is its clock, in Unix milliseconds. */
export interface HeartbeatAnswer {
  readonly heard: boolean;
  readonly time: number;
}

/** Reads what the origin wrote; undefined for anything else. */
export function parseHeartbeat(text: string): Heartbeat | undefined {
  const panic = PANIC_LEVELS.find((level) => level === parseObject(text)?.["panic"]);
  return panic === undefined || panic === "lost" ? undefined : { panic };
}

/** Reads the edge's answer; undefined for anything else. */
export function parseHeartbeatAnswer(text: string): HeartbeatAnswer | undefined {
  const { heard, time } = parseObject(text) ?? {};
  return typeof heard === "boolean" && typeof time === "number" ? { heard, time } : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

import { PANIC_LEVELS, type PanicLevel, strongestPanic } from "../shared/panic.ts";
import type { Edge } from "./edge.ts";
import type { Env } from "./env.ts";

/** What an isolate knows of the panic level, from the origin's replies and from the sentinel. */
export interface PanicKnown {
  /** The origin's, as told last. */
  told: PanicLevel;
  /** What the sentinel has of it; undefined before it was asked. */
  kept: PanicLevel | undefined;
  /** Declared with the kill code. */
  lost: boolean;
  /** When the sentinel was asked last, and the origin while it is closed, in unix milliseconds. */
  readAt: number;
  askedAt: number;
}

export function knownOfPanic(): PanicKnown {
  return { told: "none", kept: undefined, lost: false, readAt: Number.NEGATIVE_INFINITY, askedAt: 0 };
}

/** E8: in force within so many milliseconds. */
const READ_EVERY_MS = 15_000;
const ANSWER_WITHIN_MS = 2_000;

/** The level of the secret PANIC. What is none of the words closes everything: somebody meant to close something. */
export function fixedLevel({ PANIC = "" }: Pick<Env, "PANIC">): PanicLevel {
  const word = PANIC.trim().toLowerCase();
  return word === "" ? "none" : (PANIC_LEVELS.find((level) => level === word) ?? "lost");
}

/**
 * The level in force at the edge: the strongest of the secret's, which costs no question, the origin's, and `lost`.
 * Undefined where the sentinel was never heard: whether this server is lost is not known then.
 */
export async function panicInForce(edge: Edge, env: Env): Promise<PanicLevel | undefined> {
  const fixed = fixedLevel(env);
  if (fixed === "lost") return fixed;
  const { panic } = edge;
  const now = Date.now();
  if (now - panic.readAt >= READ_EVERY_MS) await readSentinel(edge, env, now);
  if (panic.kept === undefined) return undefined;
  return panic.lost ? "lost" : strongestPanic(fixed, panic.told);
}

async function readSentinel({ panic }: Edge, env: Env, now: number): Promise<void> {
  // Others go by the value of a moment ago instead of asking too; before there is one, each asks for itself.
  if (panic.kept !== undefined) panic.readAt = now;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ANSWER_WITHIN_MS);
  });
  try {
    const found = await Promise.race([env.SENTINEL.getByName("edge").panic(), late]);
    if (found === undefined) return;
    panic.readAt = now;
    panic.lost = found.lostBy !== null && isCurrent(found.lostBy, env);
    // What an isolate was told since and has not passed on yet is newer.
    if (panic.kept === undefined || panic.told === panic.kept) panic.told = found.told;
    panic.kept = found.told;
  } catch {
    // The last value stays.
  } finally {
    clearTimeout(timer);
  }
}

/** A server stays lost until its kill code, which is used up, is exchanged: that takes the Cloudflare account. */
function isCurrent(lostBy: string, { KILL_CODE_HASH }: Env): boolean {
  return KILL_CODE_HASH === undefined || KILL_CODE_HASH.trim().toLowerCase() === lostBy;
}

/** Passes the origin's level on to the other isolates, where it is another one now. */
export async function spreadPanic({ panic }: Edge, env: Env): Promise<void> {
  const { told, kept } = panic;
  if (told === kept || told === "lost") return;
  panic.kept = told;
  try {
    await env.SENTINEL.getByName("edge").notePanic(told);
  } catch {
    // Tried again after the next reply.
    panic.kept = kept;
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../config/config.ts";
import { readEdgeKeys } from "../../config/secrets.ts";
import { findRunning, type Running } from "../data-lock.ts";
import { askDaemon } from "../ask-daemon.ts";

/** How long a start is waited for, and how long it must then go well. Milliseconds. */
export interface Patience {
  readonly startMs: number;
  readonly steadyMs: number;
}

/** `version`: something else runs than was asked for. */
export type StartFault = "absent" | "version" | "ill";

const lookMs = 200;
/** A version that was started so often without staying well is not going to. */
const mostStarts = 3;

/**
 * Waits until a daemon that started after `before` runs this version, answers, and goes on doing so. Not its word
 * alone counts, and not that a process is there: an updater that believes its own files reports an update that never
 * happened.
 */
export async function watchStart(
  config: Config,
  version: string,
  before: Running | undefined,
  patience: Patience,
): Promise<{ fault?: StartFault; running?: Running }> {
  const deadline = performance.now() + patience.startMs + patience.steadyMs;
  let well: { running: Running; since: number } | undefined;
  let seen: Running | undefined;
  const starts = new Set<number>();
  while (performance.now() < deadline) {
    const running = findRunning(config.dataDir);
    const isNew = running !== undefined && !(before && isSameStart(before, running));
    if (isNew) {
      seen = running;
      starts.add(running.startedAt);
      if (running.version !== version) return { fault: "version", running };
    }
    if (isNew && (await answers(config, running))) {
      if (!well || !isSameStart(well.running, running)) well = { running, since: performance.now() };
      if (performance.now() - well.since >= patience.steadyMs) return { running };
    } else well = undefined;
    if (starts.size >= mostStarts) break;
    await sleep(lookMs);
  }
  return seen ? { fault: "ill", running: seen } : { fault: "absent" };
}

function isSameStart(one: Running, other: Running): boolean {
  return one.pid === other.pid && one.startedAt === other.startedAt;
}

async function answers(config: Config, { listen }: Running): Promise<boolean> {
  const edgeKey = readEdgeKeys(config.dataDir)[0] ?? "";
  const question = { listen, edgeKey, host: config.serverName, path: "/health", timeoutMs: 5_000 };
  return (await askDaemon(question))?.status === 200;
}

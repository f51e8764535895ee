import { networksOf } from "../../shared/client-networks.ts";

const WINDOW_MS = 600_000;
const TRIES = 10;
const SOURCES_KEPT = 2_000;

/** Wrong codes by source → their times. Of one isolate: 160 bits are guessed by nobody, this saves work only. */
const tries = new Map<string, number[]>();

/** How often a wrong kill code may come from one address; nobody else's wrong ones hold the owner up. */
export const killCodeTries = {
  /** Milliseconds until another may be tried; 0: now. */
  waitFor(address: string): number {
    const since = Date.now() - WINDOW_MS;
    const recent = (tries.get(networksOf(address).sources[0].text) ?? []).filter((time) => time > since);
    return recent.length < TRIES ? 0 : (recent[0] ?? 0) - since;
  },
  note(address: string): void {
    const source = networksOf(address).sources[0].text;
    const times = [...(tries.get(source) ?? []), Date.now()].slice(-TRIES);
    tries.delete(source);
    tries.set(source, times);
    if (tries.size > SOURCES_KEPT) for (const [oldest] of tries) return void tries.delete(oldest);
  },
};

import { setImmediate as turn } from "node:timers/promises";

/** ms of work in one go: others wait for so long, on a slow device for several times that. */
const longest = 10;

/**
 * Lets others have their turn of the event loop in the midst of long work: await what the function gives at each
 * step, and hold nothing over it that they may change.
 *
 *     const turns = createTurns();
 *     for (const room of rooms) {
 *       await turns();
 *       …
 *     }
 */
export function createTurns(): () => Promise<void> | undefined {
  let begun = performance.now();
  return function turns() {
    if (performance.now() - begun < longest) return undefined;
    return turn().then(() => {
      begun = performance.now();
    });
  };
}

/**
 * What JSON.stringify makes of the value, of any length, with turns for others between the entries of its objects and
 * lists down to `depth` levels. `undefined` among them is left out or null, as there.
 */
export async function stringifyInTurns(value: object, depth: number, turns = createTurns()): Promise<string> {
  const isList = Array.isArray(value);
  const parts: string[] = [];
  for (const key of isList ? value.keys() : Object.keys(value)) {
    // Not awaited for each: most have nothing to wait for, and there may be a million.
    const others = turns();
    if (others) await others;
    const entry = (value as Record<number | string, unknown>)[key];
    const isDeep = depth > 1 && typeof entry === "object" && entry !== null && !("toJSON" in entry);
    const text = isDeep ? await stringifyInTurns(entry, depth - 1, turns) : JSON.stringify(entry);
    if (isList) parts.push(text ?? "null");
    else if (text !== undefined) parts.push(`${JSON.stringify(key)}:${text}`);
  }
  return isList ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
}

/** Work of which one run at a time goes on. */
export interface Line {
  /** Another run, once those before it have ended, however they did: what they missed is its own. */
  run(): Promise<void>;
  /** Once every run so far has ended; never rejects. */
  ended(): Promise<void>;
}

export function createLine(work: () => Promise<void>): Line {
  let last = Promise.resolve();
  return {
    run() {
      const next = last.then(work);
      last = next.catch(() => {});
      return next;
    },
    ended: () => last,
  };
}

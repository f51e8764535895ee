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
 * What JSON.stringify makes of the value, of any length, with turns for others between the entries of its objects down
 * to `depth` levels. `undefined` among them is left out, as there.
 */
export async function stringifyInTurns(value: object, depth: number, turns = createTurns()): Promise<string> {
  const parts: string[] = [];
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    await turns();
    const isDeep = depth > 1 && typeof entry === "object" && entry !== null && !Array.isArray(entry);
    const text = isDeep ? await stringifyInTurns(entry, depth - 1, turns) : JSON.stringify(entry);
    if (text !== undefined) parts.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${parts.join(",")}}`;
}

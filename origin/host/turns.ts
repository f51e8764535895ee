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

import type { Visit } from "../visit.ts";

// A flood of failures must not spend the day's allowance of Durable Object requests.
const TELL_EVERY_MS = 10_000;

/** Counts a failed proof, and tells the sentinel now and then; the answer does not wait for it. */
export function reportFailedProof({ edge, env, ctx }: Visit): void {
  const { untold } = edge;
  untold.failures += 1;
  const now = Date.now();
  if (now - untold.lastTold < TELL_EVERY_MS) return;
  const count = untold.failures;
  untold.failures = 0;
  untold.lastTold = now;
  ctx.waitUntil(
    (async () => {
      try {
        await env.SENTINEL.getByName("edge").recordFailures(count);
      } catch {
        untold.failures += count;
      }
    })(),
  );
}

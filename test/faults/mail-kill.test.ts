/** R2: SIGKILL at the steps of the drain, once each; the long form, hundreds of them, is mail-kill-nine.ts. */
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { temporaryFolder } from "../support/temporary-folder.ts";
import { crucialSteps, openDrainRoute } from "./mail/drain-route.ts";
import { runUntil, withMailDatabase } from "./mail/kill-route.ts";

async function killAt(steps: readonly string[]): Promise<void> {
  const route = await openDrainRoute(temporaryFolder({ after }));
  after(() => route.close());
  for (const step of steps) {
    route.feed();
    assert.equal(await runUntil(route, { step }), "killed", step);
    withMailDatabase(route, (database) => route.check(database));
  }
  await runUntil(route, {});
  withMailDatabase(route, (database) => {
    route.check(database);
    route.checkEnd(database);
  });
}

test("killed at each step of a drain, every message is in its mailbox once", async () => {
  // Two servers at once: most of the time is the start of processes.
  const half = crucialSteps.length >> 1;
  await Promise.all([killAt(crucialSteps.slice(0, half)), killAt(crucialSteps.slice(half))]);
});

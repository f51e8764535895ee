/** R2: SIGKILL at each step of the drain, once; the long form, hundreds of them, is mail-kill-nine.ts. */
import { after, test } from "node:test";

import { temporaryFolder } from "../support/temporary-folder.ts";
import { openDrainRoute } from "./mail/drain-route.ts";
import { runUntil, withMailDatabase } from "./mail/kill-route.ts";

const route = await openDrainRoute(temporaryFolder({ after }));
after(() => route.close());

test("killed at every step of a drain, each message is in its mailbox once", async (t) => {
  for (const step of route.steps) {
    route.feed();
    const ending = await runUntil(route, { step });
    t.diagnostic(`${step}: ${ending}`);
    withMailDatabase(route, (database) => route.check(database));
  }
  await runUntil(route, {});
  withMailDatabase(route, (database) => {
    route.check(database);
    route.checkEnd(database);
  });
});

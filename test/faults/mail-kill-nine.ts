/**
 * The long form of mail-kill.test.ts: 500 SIGKILLs, or as many as the first argument says, of each way of mail; six of
 * ten at a named step, the others at a moment of chance. The second argument is a seed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { seededRandom } from "./kill-rounds.ts";
import { openDrainRoute } from "./mail/drain-route.ts";
import { type KillRoute, runUntil, withMailDatabase } from "./mail/kill-route.ts";

/** Each has a folder of its own. */
const routes: readonly ((folder: string) => Promise<KillRoute>)[] = [openDrainRoute];

const [wanted = "500", seed = String(Math.floor(Math.random() * 1e9))] = process.argv.slice(2);
console.log(`seed ${seed}`);
const random = seededRandom(Number(seed));

for (const open of routes) {
  const folder = await mkdtemp(join(tmpdir(), "burrow-mail-kill-"));
  const route = await open(folder);
  try {
    await killOften(route);
  } finally {
    route.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function killOften(route: KillRoute): Promise<void> {
  let kills = 0;
  for (let round = 1; kills < Number(wanted); round += 1) {
    route.feed();
    const step = route.steps[Math.floor(random() * route.steps.length)] ?? "";
    const ending = await runUntil(route, random() < 0.6 ? { step } : { afterMs: random() * 250 });
    if (ending === "killed") kills += 1;
    withMailDatabase(route, (database) => route.check(database));
    if (round % 25 === 0) console.log(`${route.name}: ${kills} kills in ${round} rounds`);
  }
  await runUntil(route, {});
  withMailDatabase(route, (database) => {
    route.check(database);
    route.checkEnd(database);
  });
  console.log(`${route.name}: ${kills} kills survived`);
}

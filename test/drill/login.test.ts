import assert from "node:assert/strict";
import { test } from "node:test";

import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeDrill } from "./describe-drill.ts";
import { runLoginDrill } from "./login-drill.ts";

// A fifth of the drill's 10,000 guesses (`npm run drill:login`), in as long a time: the slower ones reach further.
test("an attack on every door reaches few derivations, and its owner comes and goes", async (t) => {
  const figures = await runLoginDrill({ dataDir: temporaryFolder(t), guesses: 2_000, minutes: 30 });
  for (const line of describeDrill(figures)) t.diagnostic(line);
  assert.deepEqual(figures.odd, []);
  // Eight of the fourteen doors cost a derivation a guess where nothing holds them: some 1,200.
  assert.ok(figures.derivations <= 500, String(figures.derivations));
  const most = (waits: readonly number[]): number => Math.max(...waits);
  assert.equal(most(figures.owner["known browser"]), 0);
  assert.equal(most(figures.owner["known network"]), 0);
  // The stated bound, and the step of the drill's clock.
  assert.ok(most(figures.owner["fresh address"]) <= 40_000, String(most(figures.owner["fresh address"])));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { runKillRounds } from "./kill-rounds.ts";

// The long form, 200 kills: npm run test:kill-nine.
test("what was acknowledged is there after each of 8 SIGKILLs, and nothing is half-written", async () => {
  const report = await runKillRounds({ rounds: 8, seed: 20_261_122 });
  const { keys, kills: _, repeated: __, ...others } = report;
  for (const [what, count] of Object.entries({ ...others, ...keys })) assert.ok(count > 0, `no ${what}`);
});

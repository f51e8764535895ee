import assert from "node:assert/strict";
import { test } from "node:test";
import { runKillRounds } from "./kill-rounds.ts";

// The long form, 200 kills: npm run test:kill-nine.
test("what was acknowledged is there after each of 8 SIGKILLs, and nothing is half-written", async () => {
  const report = await runKillRounds({ rounds: 8, seed: 20_261_122 });
  assert.ok(report.events > 0 && report.registrations > 0 && report.sessions > 0, JSON.stringify(report));
});

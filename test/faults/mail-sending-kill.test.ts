/** SIGKILL while mail is sent: nothing that was submitted is lost, and nothing whose end the relay has not seen comes twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runSendingKills } from "./mail-sending-kill.ts";

test("what was submitted goes, killed in the midst of a message, behind its end and at the relay's answer", async () => {
  const steps = ["content", "end", "answered"] as const;
  assert.equal((await runSendingKills({ rounds: steps.length, steps })).kills, steps.length);
});

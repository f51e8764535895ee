import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { createWaiters } from "../../../../origin/apps/matrix/sync/waiters.ts";

test("those who wait are woken when whoever did it has had a turn to be answered", async () => {
  const waiters = createWaiters(() => 0);
  const order: string[] = [];
  const waiting = waiters.wait("@ben:x", 1000).woken.then((woken) => order.push(`woken ${woken}`));
  async function act(): Promise<void> {
    waiters.notify(["@ben:x"], 1);
    for (let step = 0; step < 20; step += 1) await Promise.resolve();
    order.push("answered");
  }
  await Promise.all([act(), waiting]);
  assert.deepEqual(order, ["answered", "woken true"]);
  assert.equal(waiters.lastChange("@ben:x"), 1);

  // Who comes in between has seen it, and waits for the next.
  waiters.notify(["@ben:x"], 2);
  const late = waiters.wait("@ben:x", 1000);
  await turn();
  late.cancel();
  assert.equal(await late.woken, false);
});

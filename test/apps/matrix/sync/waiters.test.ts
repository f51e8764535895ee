import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createWaiters } from "../../../../origin/apps/matrix/sync/waiters.ts";

const names = Array.from({ length: 100 }, (_, index) => `@reader${index}:example.org`);

function waitAll() {
  const waiters = createWaiters(() => 0);
  const woken: boolean[] = [];
  const all = names.map((name) =>
    waiters.wait(name, 60_000).woken.then((result) => {
      woken.push(result);
    }),
  );
  return { waiters, woken, all };
}

test("Hundreds are woken over several turns of the event loop, so that nobody else waits for all of them", async () => {
  const { waiters, woken, all } = waitAll();
  waiters.notify(names, 1);
  await turn();
  assert.ok(woken.length > 0 && woken.length < names.length, `${woken.length} in the first turn`);
  await Promise.all(all);
  assert.deepEqual(new Set(woken), new Set([true]));
  assert.equal(woken.length, names.length);
});

test("Who is notified while others are still being woken comes after them, and is not forgotten", async () => {
  const { waiters, woken, all } = waitAll();
  waiters.notify(names.slice(0, 60), 1);
  waiters.notify(names.slice(60), 2);
  await Promise.all(all);
  assert.equal(woken.filter(Boolean).length, names.length);
});

test("A stop tells those whose turn has not come that there is news", async () => {
  const { waiters, woken, all } = waitAll();
  waiters.notify(names, 1);
  waiters.close();
  await Promise.all(all);
  assert.equal(woken.filter(Boolean).length, names.length);
});

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

test("as many are woken in one turn as are answered in twenty milliseconds, and after slow answers fewer", async () => {
  const waiters = createWaiters(() => 0);
  async function inFirstTurn(answerMs: number): Promise<number> {
    let woken = 0;
    const all = names.map(async (name) => {
      await waiters.wait(name, 60_000).woken;
      woken += 1;
      for (const begun = performance.now(); performance.now() - begun < answerMs; ) continue;
    });
    waiters.notify(names, 1);
    await turn();
    const first = woken;
    await Promise.all(all);
    return first;
  }
  await inFirstTurn(0);
  const quick = await inFirstTurn(0);
  assert.ok(quick > 16 && quick < names.length, `${quick} of quick ones`);
  await inFirstTurn(2);
  const slow = await inFirstTurn(0);
  assert.ok(slow < 25, `${slow} after slow ones`);
});

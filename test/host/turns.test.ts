import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createLine, createTurns, stringifyInTurns } from "../../origin/host/turns.ts";

test("JSON in turns is what JSON.stringify makes", async () => {
  const value = {
    rooms: { join: { '!a"b': { list: [1, { x: undefined }], none: undefined, text: "é\n" } }, leave: {} },
    number: 1,
    nothing: null,
    list: [undefined, { when: new Date(0) }, [], {}, "a"],
    error: Object.assign(new Error("inside"), { toJSON: () => ({ type: "told" }) }),
    absent: undefined,
  };
  for (const depth of [1, 2, 3, 9]) {
    assert.equal(await stringifyInTurns(value, depth), JSON.stringify(value));
  }
});

test("work that takes long lets others in between", async () => {
  const turns = createTurns();
  let others = 0;
  const other = turn().then(() => (others += 1));
  for (const end = performance.now() + 11; performance.now() < end; ) continue;
  await turns();
  assert.equal(others, 1);
  await other;
});

test("of a line one run at a time goes on, and one that fails holds up none", async () => {
  const ends: (() => void)[] = [];
  let running = 0;
  const line = createLine(async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    if (ends.length === 1) throw new Error("the first fails");
  });
  const first = line.run();
  const second = line.run();
  await turn();
  assert.equal(ends.length, 1);
  ends[0]?.();
  await assert.rejects(first, /the first fails/);
  await turn();
  assert.equal(ends.length, 2);
  ends[1]?.();
  await second;
  await line.ended();
});

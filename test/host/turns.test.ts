import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createTurns, stringifyInTurns } from "../../origin/host/turns.ts";

test("JSON in turns is what JSON.stringify makes", async () => {
  const value = {
    rooms: { join: { '!a"b': { list: [1, { x: undefined }], none: undefined, text: "é\n" } }, leave: {} },
    number: 1,
    nothing: null,
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

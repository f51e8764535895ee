import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { choosePacks } from "../../../origin/host/backup/choose-packs.ts";
import type { PackLine } from "../../../origin/host/backup/manifest.ts";

const MB = 1024 * 1024;

function packs(count: number, bytes: number, named = "pack"): PackLine[] {
  return Array.from({ length: count }, (_, at) => ({
    hash: createHash("sha256").update(`${named} ${at}`).digest("hex"),
    bytes,
  }));
}

const sum = (lines: readonly PackLine[]): number => lines.reduce((total, { bytes }) => total + bytes, 0);

/** Drills until each of the first packs was compared; how many that took. */
function drillUntilAll(first: readonly PackLine[], change: (packs: PackLine[], run: number) => PackLine[]) {
  let all = [...first];
  let after = "8".repeat(64);
  const left = new Set(first.map(({ hash }) => hash));
  const amounts: number[] = [];
  while (left.size > 0 && amounts.length < 1000) {
    const chosen = choosePacks(all, after);
    amounts.push(sum(chosen));
    for (const { hash } of chosen) left.delete(hash);
    after = chosen.at(-1)?.hash ?? after;
    all = change(all, amounts.length);
  }
  return amounts;
}

test("a drill compares all packs while they are few", () => {
  assert.deepEqual(choosePacks([], ""), []);
  assert.equal(choosePacks(packs(4, 64 * MB), "f".repeat(64)).length, 4);
  assert.equal(choosePacks(packs(5, 64 * MB), "f".repeat(64)).length, 4);
});

test("of many it compares a bounded part, and within half a year each of them", () => {
  for (const count of [5, 40, 200, 800]) {
    const amounts = drillUntilAll(packs(count, 64 * MB), (all) => all);
    assert.ok(amounts.length <= 26, `${count} packs took ${amounts.length} drills`);
    assert.ok(Math.max(...amounts) <= Math.max(256 * MB, (count * 64 * MB) / 26 + 64 * MB), `${count} packs`);
  }
  const huge = drillUntilAll(packs(8000, 64 * MB), (all) => all);
  assert.equal(Math.max(...huge), 2048 * MB);
  assert.equal(huge.length, 250);
});

test("a pack larger than the bound is compared too, and packs that come and go push nobody back", () => {
  const large = [...packs(30, 64 * MB), ...packs(1, 5000 * MB, "film")];
  assert.ok(drillUntilAll(large, (all) => all).length <= 26);
  const alive = drillUntilAll(packs(40, 64 * MB), (all, run) => [
    ...all,
    ...packs(1, 64 * MB, `later ${run}`),
  ]);
  assert.ok(alive.length <= 26, `${alive.length} drills`);
});

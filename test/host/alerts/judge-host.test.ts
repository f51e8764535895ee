import assert from "node:assert/strict";
import { test } from "node:test";

import { judgeHost } from "../../../origin/host/alerts/judge-host.ts";
import type { Sample } from "../../../origin/host/metrics/samples.ts";

const well: Sample = {
  time: 0,
  diskFree: 20_000_000_000,
  diskSize: 64_000_000_000,
  memoryFree: 1_000_000_000,
  memorySize: 4_000_000_000,
  load: 0.2,
  batteryLevel: 80,
  discharging: false,
  temperature: 30,
  temperatureOf: "battery",
  rss: 90_000_000,
  cpu: 0.01,
  lagP99: 2,
  lagMax: 9,
};
const nothingKnown: Sample = {
  ...well,
  diskFree: null,
  batteryLevel: null,
  discharging: null,
  temperature: null,
  temperatureOf: null,
  lagP99: null,
  lagMax: null,
};

function minutes(count: number, change: Partial<Sample>): Sample[] {
  return Array.from({ length: count }, () => ({ ...well, ...change }));
}

function raised(samples: readonly Sample[], skew: number | null = 0): string[] {
  return judgeHost(samples, skew).raise.map(({ id, severity }) => `${severity} ${id}`);
}

test("a host that is well ends every alert and raises none", () => {
  const { raise, clear } = judgeHost(minutes(10, {}), 0);
  assert.deepEqual(raise, []);
  assert.deepEqual([...clear].toSorted(), [
    "clock-off",
    "device-hot",
    "device-unplugged",
    "disk-low",
    "origin-degraded",
  ]);
});

test("a device that tells nothing of itself neither raises nor ends anything", () => {
  assert.deepEqual(
    judgeHost(
      Array.from({ length: 10 }, () => nothingKnown),
      null,
    ),
    { raise: [], clear: [] },
  );
  assert.deepEqual(judgeHost([], null), { raise: [], clear: [] });
});

test("little room is a warning, none is critical, and just enough ends nothing", () => {
  assert.deepEqual(raised(minutes(1, { diskFree: 400_000_000 })), ["warning disk-low"]);
  assert.deepEqual(raised(minutes(1, { diskFree: 10_000_000 })), ["critical disk-low"]);
  const between = judgeHost(minutes(1, { diskFree: 550_000_000 }), 0);
  assert.ok(!between.clear.includes("disk-low") && between.raise.length === 0);
});

test("a clock that is off by more than half a minute, either way", () => {
  assert.deepEqual(raised(minutes(1, {}), 31), ["warning clock-off"]);
  assert.deepEqual(raised(minutes(1, {}), -3_600), ["warning clock-off"]);
  assert.deepEqual(raised(minutes(1, {}), 30), []);
});

test("slow is what lasts three minutes, not one", () => {
  assert.deepEqual(raised([...minutes(2, {}), ...minutes(1, { lagP99: 9_000 })]), []);
  assert.deepEqual(raised([...minutes(2, {}), ...minutes(3, { lagP99: 700 })]), ["warning origin-degraded"]);
});

test("unplugged is told after five minutes, an empty battery at once", () => {
  assert.deepEqual(raised(minutes(4, { discharging: true })), []);
  assert.deepEqual(raised(minutes(5, { discharging: true })), ["warning device-unplugged"]);
  assert.deepEqual(raised(minutes(1, { discharging: true, batteryLevel: 12 })), [
    "critical device-unplugged",
  ]);
});

test("heat is judged by where it is measured", () => {
  assert.deepEqual(raised(minutes(1, { temperature: 46 })), ["warning device-hot"]);
  assert.deepEqual(raised(minutes(1, { temperature: 56 })), ["critical device-hot"]);
  assert.deepEqual(raised(minutes(1, { temperature: 70, temperatureOf: "hottest sensor" })), []);
});

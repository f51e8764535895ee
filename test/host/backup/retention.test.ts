import assert from "node:assert/strict";
import { test } from "node:test";

import { expired } from "../../../origin/host/backup/retention.ts";

const day = 24 * 60 * 60 * 1000;
const now = Date.parse("2026-11-22T12:00:00Z");
const daily = (count: number) =>
  Array.from({ length: count }, (_, ago) => ({ createdAt: now - ago * day })).toReversed();
const datesLeft = (archives: { createdAt: number }[], rules: Parameters<typeof expired>[1]): string[] => {
  const gone = new Set(expired(archives, rules, now));
  return archives
    .toReversed()
    .filter((archive) => !gone.has(archive))
    .map(({ createdAt }) => new Date(createdAt).toISOString().slice(0, 10));
};

test("of a year of daily backups 7 days, 4 weeks and 6 months stay", () => {
  assert.deepEqual(datesLeft(daily(365), { daily: 7, weekly: 4, monthly: 6 }), [
    "2026-11-22",
    "2026-11-21",
    "2026-11-20",
    "2026-11-19",
    "2026-11-18",
    "2026-11-17",
    "2026-11-16",
    // Sundays: the newest of their weeks.
    "2026-11-15",
    "2026-11-08",
    "2026-11-01",
    "2026-10-31",
    "2026-09-30",
    "2026-08-31",
    "2026-07-31",
    "2026-06-30",
  ]);
});

test("days without a backup take no place: a phone in a drawer loses nothing", () => {
  const archives = [120, 80, 40, 0].map((ago) => ({ createdAt: now - ago * day }));
  assert.equal(datesLeft(archives, { daily: 7, weekly: 0, monthly: 0 }).length, 4);
});

test("what was made within a day stays, and so does the newest, whatever the rules", () => {
  const hours = Array.from({ length: 30 }, (_, at) => ({ createdAt: now - (29 - at) * 3_600_000 }));
  assert.equal(datesLeft(hours, { daily: 0, weekly: 0, monthly: 0 }).length, 24);
  assert.deepEqual(datesLeft([{ createdAt: now - 400 * day }], { daily: 0, weekly: 0, monthly: 0 }), [
    "2025-10-18",
  ]);
  assert.deepEqual(expired([], { daily: 7, weekly: 4, monthly: 6 }, now), []);
});

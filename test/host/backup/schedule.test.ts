import assert from "node:assert/strict";
import { test } from "node:test";

import type { Alert } from "../../../origin/host/alerts/alert.ts";
import { BackupError } from "../../../origin/host/backup/backup-error.ts";
import { type BackupHistory, openBackupHistory } from "../../../origin/host/backup/backup-history.ts";
import { lastTime, startSchedule, whatIsDue } from "../../../origin/host/backup/schedule.ts";
import { openHostDatabase } from "../../../origin/host/host-database.ts";
import { createLog } from "../../../origin/host/log.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const hour = 60 * 60 * 1000;
const day = 24 * hour;
/** Local time, as the schedule reads it. */
const noon = new Date(2026, 10, 22, 12).getTime();
const started = noon - 20 * day;

function openHistory(t: Parameters<typeof temporaryFolder>[0]): BackupHistory {
  const databases = openDatabases(temporaryFolder(t));
  t.after(() => databases.close());
  return openBackupHistory(openHostDatabase(databases));
}

async function note(history: BackupHistory, kind: "backup" | "drill", at: number, ok = true): Promise<void> {
  await history.end(await history.begin(kind, at), { ok, detail: ok ? "" : "no space", endedAt: at + 1000 });
}

test("the time is of this machine's clock, today's or yesterday's", () => {
  assert.equal(lastTime("03:30", noon), new Date(2026, 10, 22, 3, 30).getTime());
  assert.equal(lastTime("13:00", noon), new Date(2026, 10, 21, 13).getTime());
});

test("a backup is due by the last success: once a night, and after nights that were missed", async (t) => {
  const history = openHistory(t);
  const due = (now: number) => whatIsDue({ time: "03:30", now, startedAt: started, history });
  await note(history, "drill", noon - 2 * day);
  await note(history, "backup", noon - 2 * day);
  assert.equal(due(noon), "backup");
  await note(history, "backup", noon);
  assert.equal(due(noon + hour), "nothing");
  assert.equal(due(new Date(2026, 10, 23, 3, 29).getTime()), "nothing");
  assert.equal(due(new Date(2026, 10, 23, 3, 31).getTime()), "backup");
  assert.equal(due(noon + 5 * day), "drill", "a week after the last one");
});

test("a failed run, and one that was killed, are tried again after an hour, and not before", async (t) => {
  const history = openHistory(t);
  const due = (now: number) => whatIsDue({ time: "03:30", now, startedAt: started, history });
  await note(history, "drill", noon - 2 * day);
  await note(history, "backup", noon - 2 * day);
  await note(history, "backup", noon, false);
  assert.equal(due(noon + 59 * 60_000), "nothing");
  assert.equal(due(noon + hour), "backup");
  await history.begin("backup", noon + hour);
  assert.equal(due(noon + hour + 60_000), "nothing");
  assert.equal(due(noon + 2 * hour), "backup");
});

test("a clock that was ahead, or is set back, stops no backup", async (t) => {
  const history = openHistory(t);
  await note(history, "drill", noon + 300 * day);
  await note(history, "backup", noon + 300 * day);
  assert.equal(whatIsDue({ time: "03:30", now: noon, startedAt: started, history }), "drill");
});

test("a start is given some minutes before it catches up", async (t) => {
  const history = openHistory(t);
  const due = (now: number) => whatIsDue({ time: "03:30", now, startedAt: noon, history });
  assert.equal(due(noon + 60_000), "nothing");
  assert.equal(due(noon + 10 * 60_000), "drill");
});

test("backups that fail for days raise an alert, a failed practice at once; a success clears them", async (t) => {
  const history = openHistory(t);
  const open = new Map<string, Alert>();
  let now = started;
  let works = false;
  const schedule = startSchedule({
    time: "03:30",
    history,
    async run(what) {
      await note(history, what, now, works);
      if (what === "drill" && works) await note(history, "backup", now);
      if (!works) throw new Error("the disk is full");
    },
    alerts: { raise: (alert) => void open.set(alert.id, alert), clear: (id) => void open.delete(id) },
    log: createLog({ level: "error", now: () => now, write: () => {} }),
    now: () => now,
  });
  t.after(() => schedule.close());
  now += hour;
  await schedule.tick();
  assert.match(open.get("backup-drill-failed")?.detail ?? "", /the disk is full/);
  assert.equal(open.has("backup-late"), false);
  now += 3 * day;
  await schedule.tick();
  assert.ok(open.has("backup-late"));
  works = true;
  now += 2 * hour;
  await schedule.tick();
  assert.deepEqual([...open.keys()], []);
});

test("a full disk is told at the first failure, another fault at the second, and a success ends it", async (t) => {
  const history = openHistory(t);
  const open = new Map<string, Alert>();
  let now = started;
  let failure: Error | undefined = new Error("the network");
  const schedule = startSchedule({
    time: "03:30",
    history,
    async run(what) {
      if (failure) throw failure;
      await note(history, what, now);
      if (what === "drill") await note(history, "backup", now);
    },
    alerts: { raise: (alert) => void open.set(alert.id, alert), clear: (id) => void open.delete(id) },
    log: createLog({ level: "error", now: () => now, write: () => {} }),
    now: () => now,
  });
  t.after(() => schedule.close());
  now += hour;
  await schedule.tick();
  assert.equal(open.has("backup-failed"), false);
  now += hour;
  await schedule.tick();
  assert.match(open.get("backup-failed")?.detail ?? "", /the network.*burrow backup create/);
  // By hand, as the alert says.
  await note(history, "backup", now + 60_000);
  now += hour;
  await schedule.tick();
  assert.equal(open.has("backup-failed"), false);
  failure = new BackupError("full", "There is no room.");
  now += day;
  await schedule.tick();
  assert.match(open.get("backup-failed")?.title ?? "", /the disk is full/);
  failure = undefined;
  now += hour;
  await schedule.tick();
  assert.deepEqual([...open.keys()], []);
});

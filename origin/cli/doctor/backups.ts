import { existsSync } from "node:fs";
import type { Check } from "../../app.ts";
import { type BackupRun, openBackupHistory } from "../../host/backup/backup-history.ts";
import { identityFile } from "../../host/backup/backup-keys.ts";
import type { Database } from "../../storage/database.ts";
import { failed, ok, warning } from "./check.ts";

const dayMs = 86_400_000;
const lateBackupMs = 2 * dayMs;
const lateDrillMs = 15 * dayMs;

/** B1–B3: the last backup, the last drill, and whether the identity lies where the thief is. */
export function checkBackups(dataDir: string, database: Database, now: number): Check[] {
  const history = openBackupHistory(database);
  return [
    checkRun("backup", history.last("backup"), history.last("backup", true), now),
    ...(history.last("backup", true)
      ? [checkRun("drill", history.last("drill"), history.last("drill", true), now)]
      : []),
    checkIdentity(dataDir),
  ];
}

const kinds = {
  backup: {
    name: "backup",
    late: lateBackupMs,
    none: "No backup was ever made.",
    why: "A lost or broken device is the end of everything that is on it.",
    mend: "burrow backup create",
  },
  drill: {
    name: "restore-drill",
    late: lateDrillMs,
    none: "No restore was ever tried.",
    why: "A backup that was never restored is a hope.",
    mend: "burrow backup drill",
  },
} as const;

function checkRun(
  kind: keyof typeof kinds,
  last: BackupRun | undefined,
  good: BackupRun | undefined,
  now: number,
): Check {
  const { name, late, none, why, mend } = kinds[kind];
  if (last && !last.ok && last.endedAt !== null) {
    return failed(name, `The last one failed ${ago(last.startedAt, now)}: ${last.detail}`, { why, mend });
  }
  if (!good) return warning(name, none, { why, mend });
  const when = ago(good.startedAt, now);
  if (now - good.startedAt > late) return warning(name, `The last good one was ${when}.`, { why, mend });
  return ok(name, `The last one was good, ${when}.`);
}

function checkIdentity(dataDir: string): Check {
  if (!existsSync(identityFile(dataDir))) return ok("backup-identity", "It is not on this device.");
  return failed("backup-identity", `${identityFile(dataDir)} is still on this device.`, {
    why: "It opens every backup; and when the device is gone, no backup can be opened without it.",
    mend: "burrow backup export-identity FILE, onto a stick or into a password manager",
  });
}

function ago(time: number, now: number): string {
  const hours = Math.max(0, Math.round((now - time) / 3_600_000));
  return hours < 48 ? `${hours} hours ago` : `${Math.round(hours / 24)} days ago`;
}

/** One way of mail that is killed at every step: what arrives (drain-route.ts); what leaves brings its own. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import type { Driver } from "../../../origin/storage/driver.ts";
import { openBetterSqlite3 } from "../../../origin/storage/driver-better-sqlite3.ts";

export interface KillRoute {
  readonly name: string;
  readonly dataDir: string;
  /** A module that is run with the data folder and a step, prints a line when it begins, and ends when nothing is left. */
  readonly child: URL;
  /** The places where the child can end itself, as kill-points.ts reads them. */
  readonly steps: readonly string[];
  /** Gives it work. */
  feed(): void;
  /** After each kill. */
  check(database: Driver): void;
  /** Once nothing is left to do. */
  checkEnd(database: Driver): void;
  close(): void;
}

export type Ending = "killed" | "done";

/** Runs the child until that step, until `afterMs` from its beginning, or until it has nothing to do. */
export async function runUntil(
  { child, dataDir, name }: KillRoute,
  { step = "never", afterMs }: { step?: string; afterMs?: number },
): Promise<Ending> {
  const running = spawn(process.execPath, [child.pathname, dataDir, step], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(dataDir, "..", "compiled") },
  });
  const ended = once(running, "exit") as Promise<[number | null, string | null]>;
  if (afterMs !== undefined) {
    await Promise.race([once(running.stdout, "data"), ended]);
    await Promise.race([pause(afterMs), ended]);
    running.kill("SIGKILL");
  }
  const [code, signal] = await ended;
  if (signal === "SIGKILL") return "killed";
  assert.equal(code, 0, `${name}: the child ended by itself at ${step}`);
  return "done";
}

/** Every count of references is the rows', nothing refers to what is not there, and the file is whole. */
export function checkBlobRows(database: Driver): void {
  assert.deepEqual(database.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }]);
  assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), []);
  const holders = ["messages", "uploads", "submissions", "arrivals", "hand_overs"];
  const counted = holders
    .map((table) => `(SELECT count(*) FROM ${table} t WHERE t.hash = b.hash)`)
    .join(" + ");
  assert.deepEqual(
    database.prepare(`SELECT hash FROM mail_blobs b WHERE refs <> ${counted}`).all(),
    [],
    "a count that is not the rows'",
  );
}

export function withMailDatabase(route: KillRoute, work: (database: Driver) => void): void {
  const database = openBetterSqlite3(join(route.dataDir, "databases", "mail.db"));
  try {
    work(database);
  } finally {
    database.close();
  }
}

import { copyFileSync, constants, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import { databaseFolder } from "../../storage/databases.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { snapshotDatabase } from "../backup/snapshot.ts";
import type { Log } from "../log.ts";
import { projectRoot, runningVersion } from "../version.ts";
import {
  afterFolder,
  beforeFolder,
  type Change,
  findInstallation,
  flushFolder,
  readChange,
} from "./installation.ts";

/**
 * Puts the data right for the version that starts, after a change of version and before any database is opened: the
 * first start of a new version copies the databases that it is about to migrate, and the first start after a return
 * puts them back. Whoever starts, and however often a start is cut short, it comes out the same. The caller holds the
 * data folder's lock.
 */
export async function settleUpdate(dataDir: string, log: Log, installation?: string): Promise<void> {
  const change = readChange(installation ?? findInstallation(projectRoot));
  if (!change || change.dataDir !== realpathSync(dataDir)) return;
  if (change.state === "switched" && change.to.version === runningVersion) await keepBefore(change, log);
  if (change.state === "rolled-back" && change.from.version === runningVersion) putBack(change, log);
}

/**
 * Copies the databases that a new version migrates, as long as it has not. At its first start nobody else writes, so
 * nothing that was acknowledged is missing in these copies.
 */
export async function keepBefore({ dataDir, to, migrates }: Change, log?: Log): Promise<void> {
  const folder = beforeFolder(dataDir, to.version);
  for (const [name, schema] of Object.entries(migrates)) {
    const live = join(databaseFolder(dataDir), `${name}.db`);
    // Migrated already, by a start that was cut short: the copy that it made first is the right one.
    if (!existsSync(live) || schemaOf(live) !== schema) continue;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const copy = join(folder, `${name}.db`);
    rmSync(`${copy}.new`, { force: true });
    await snapshotDatabase(name, live, `${copy}.new`);
    flushFile(`${copy}.new`);
    renameSync(`${copy}.new`, copy);
    flushFolder(folder);
    log?.info("update.database-kept", { database: name, before: to.version });
  }
}

/** Only what the newer version migrated, since this one cannot read it: all else stays as it is. */
function putBack({ dataDir, to, migrates }: Change, log: Log): void {
  const aside = afterFolder(dataDir, to.version);
  for (const name of Object.keys(migrates)) {
    const live = join(databaseFolder(dataDir), `${name}.db`);
    const before = join(beforeFolder(dataDir, to.version), `${name}.db`);
    if (!existsSync(live) || !existsSync(before) || schemaOf(live) <= schemaOf(before)) continue;
    leaveWriteAhead(live);
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    copyFlushed(live, join(aside, `${name}.db`));
    copyFlushed(before, `${live}.returning`);
    renameSync(`${live}.returning`, live);
    flushFolder(databaseFolder(dataDir));
    log.warn("update.database-returned", { database: name, aside });
  }
}

/** `PRAGMA user_version`: the number of the last migration. */
export function schemaOf(file: string): number {
  const driver = chooseDriver()(file);
  try {
    return driver.prepare<{ user_version: number }>("PRAGMA user_version").get()?.user_version ?? 0;
  } finally {
    driver.close();
  }
}

/** One file from here on, so that it can be replaced by one rename. */
function leaveWriteAhead(file: string): void {
  const driver = chooseDriver()(file);
  try {
    driver.exec("PRAGMA busy_timeout = 5000");
    driver.exec("PRAGMA journal_mode = DELETE");
  } finally {
    driver.close();
  }
}

function copyFlushed(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  flushFile(to);
}

function flushFile(path: string): void {
  const descriptor = openSync(path, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A data folder with real databases and blobs, and a way to back it up. No daemon runs on it. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeDataFolder } from "../../../origin/config/data-folder.ts";
import { configFile, readConfig } from "../../../origin/config/read-config.ts";
import { createSecrets } from "../../../origin/config/secrets.ts";
import { type Backups, type CreatedBackup, createBackups } from "../../../origin/host/backup/backup.ts";
import { BackupError, type BackupFault } from "../../../origin/host/backup/backup-error.ts";
import { exportIdentity } from "../../../origin/host/backup/backup-keys.ts";
import type { BackupArea } from "../../../origin/host/backup/registry.ts";
import { type RestoreReport, restoreArchive } from "../../../origin/host/backup/restore.ts";
import type { BackupOutbound } from "../../../origin/host/backup/target-s3.ts";
import { type BackupWorker, startBackupWorker } from "../../../origin/host/backup/worker-client.ts";
import { openHostDatabase } from "../../../origin/host/host-database.ts";
import { createLog } from "../../../origin/host/log.ts";
import { knownDatabases } from "../../../origin/known-databases.ts";
import { membersMigrations } from "../../../origin/members/migrations.ts";
import { type BlobStore, openBlobStore } from "../../../origin/storage/blobs.ts";
import type { Database } from "../../../origin/storage/database.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

export const area: BackupArea = { databases: ["members", "host"], blobs: ["blobs"] };

export interface DataFolder {
  readonly dataDir: string;
  readonly members: Database;
  readonly blobs: BlobStore;
  readonly backups: Backups;
  /** Adds a member by hand: something to find again. */
  addMember(name: string): Promise<void>;
  close(): Promise<void>;
}

const refuseOutbound: BackupOutbound = { fetch: () => Promise.reject(new Error("nothing goes out here")) };

export function makeServerFolder(
  dataDir: string,
  options: { now?: () => number; settings?: string; outbound?: BackupOutbound } = {},
): DataFolder {
  const { now = Date.now, settings = "", outbound = refuseOutbound } = options;
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  writeFileSync(configFile(dataDir), `server_name = "example.org"\n${settings}`, { mode: 0o600 });
  const config = readConfig({ dataDir, environment: {} });
  const databases = openDatabases(dataDir);
  const host = openHostDatabase(databases);
  const members = databases.open("members", membersMigrations);
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  const backups = createBackups({ config, areas: [area], database: host, outbound, log, now });
  const insert = members.prepare(
    "INSERT INTO members (name, role, state, created_at) VALUES (?, 'member', 'active', 0)",
  );
  return {
    dataDir,
    members,
    blobs: openBlobStore(join(dataDir, "blobs")),
    backups,
    addMember: (name) => members.write(() => void insert.run(name)),
    async close() {
      await backups.close();
      await databases.close();
    },
  };
}

/** One thread for the restores of a test file: starting one takes longer than what is asked of it here. */
let thread: BackupWorker | undefined;
export const sharedWorker = (): BackupWorker => (thread ??= startBackupWorker());

/** Restores as the command line does. */
export function restoreInto(
  dataDir: string,
  archive: string,
  options: { identity: string; write?: boolean; onStep?: (step: string) => void },
): Promise<RestoreReport> {
  return restoreArchive({
    dataDir,
    archive,
    identityFile: options.identity,
    databases: knownDatabases,
    worker: sharedWorker(),
    now: Date.now,
    write: options.write ?? true,
    ...(options.onStep && { onStep: options.onStep }),
  });
}

/** Path → SHA-256 of every file below a folder: what "byte-identical" is judged by. */
export function fingerprint(
  folder: string,
  only: (path: string) => boolean = () => true,
): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, entry);
    if (!statSync(path).isFile() || !only(entry)) continue;
    found.set(entry, createHash("sha256").update(readFileSync(path)).digest("hex"));
  }
  return found;
}

/** Names of the members that a folder's members.db has. */
export async function memberNames(dataDir: string): Promise<string[]> {
  const databases = openDatabases(dataDir);
  try {
    const rows = databases
      .open("members", membersMigrations)
      .prepare<{ name: string }>("SELECT name FROM members ORDER BY id");
    return rows.all().map(({ name }) => name);
  } finally {
    await databases.close();
  }
}

/** Of the blobs. */
export const sizes = [0, 1, 65_536, 1_000_000];

/** A folder with two members and some blobs, backed up once. */
export async function backedUp(t: { after(work: () => unknown): void }): Promise<{
  root: string;
  server: DataFolder;
  identity: string;
  made: CreatedBackup;
}> {
  const root = temporaryFolder(t);
  const server = makeServerFolder(join(root, "data"));
  t.after(() => server.close());
  await server.addMember("ada");
  await server.addMember("ben");
  for (const size of sizes) await server.blobs.put(Buffer.alloc(size, 7), { limit: 2_000_000 });
  const made = await server.backups.create();
  const identity = join(root, "identity.txt");
  exportIdentity(server.dataDir, identity);
  return { root, server, identity, made };
}

export const fault = (expected: BackupFault) => (error: unknown) =>
  error instanceof BackupError && error.fault === expected;

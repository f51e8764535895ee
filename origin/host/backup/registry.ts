import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { databaseFolder } from "../../storage/databases.ts";

/** What one part of Burrow has in the data folder, by name: `databases/NAME.db`, and folders of blobs. */
export interface BackupArea {
  readonly databases: readonly string[];
  readonly blobs: readonly string[];
}

/**
 * What is in every data folder, whichever apps there are. The members come after the apps that follow their changes: a
 * copy must never know of a change that the restored members have not made.
 */
export const coreArea: BackupArea = {
  databases: ["members", "host", "throttle", "honeypot"],
  blobs: ["blobs", "mail-blobs"],
};

export interface DatabaseFile {
  readonly name: string;
  readonly file: string;
}

/** Everything that a backup holds, besides the blobs' content. */
export interface BackupPlan {
  /** In the order in which they are copied. */
  readonly databases: readonly DatabaseFile[];
  /** Settings and secrets, from the data folder. */
  readonly files: readonly string[];
  /** Folders, from the data folder. */
  readonly blobFolders: readonly string[];
}

/**
 * What is in a data folder and never in a backup, with the reason. `restore` leaves it as it is. A test fails when a
 * running server has anything that is neither here nor in the plan.
 */
export const neverBackedUp: readonly { readonly name: RegExp; readonly reason: string }[] = [
  { name: /^lock\.db(?:-\w+)?$/, reason: "belongs to the running process" },
  { name: /^running\.json(?:\.new)?$/, reason: "belongs to the running process" },
  { name: /\.sock$/, reason: "belongs to the running process" },
  { name: /^nonces$/, reason: "of this start only: an old memory of nonces would let requests be replayed" },
  { name: /^panic/, reason: "a latch: no restore may release it" },
  { name: /^services\.toml$/, reason: "commands to run: no archive may bring any" },
  { name: /^logs$/, reason: "old and large" },
  { name: /^(?:edge|downloads)$/, reason: "made again from elsewhere" },
  { name: /^update$/, reason: "of this installation of Burrow" },
  { name: /^uploads$/, reason: "unfinished: their clients send them again" },
  { name: /^backup-identity\.txt$/, reason: "opens the backups: it must not be in them" },
  { name: /^backups$/, reason: "the backups themselves" },
  { name: /^backup-work$/, reason: "what a backup or a restore under way needs" },
  { name: /^\.probe-/, reason: "of the trial of the file system" },
  { name: /^before-restore-/, reason: "what a restore replaced" },
];

/**
 * What to back up: what the areas name, and any other database that lies there, so that nothing is lost by a missing
 * line. The areas' order is kept, and what none of them names comes first.
 */
export function planBackup(dataDir: string, areas: readonly BackupArea[]): BackupPlan {
  const folder = databaseFolder(dataDir);
  const present = existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith(".db"))
        .map((file) => file.slice(0, -3))
    : [];
  const named = areas.flatMap((area) => area.databases).filter((name) => present.includes(name));
  const databases = [...new Set([...present.filter((name) => !named.includes(name)), ...named])];
  const secrets = join(dataDir, "secrets");
  return {
    databases: databases.map((name) => ({ name, file: join(folder, `${name}.db`) })),
    files: [
      ...(existsSync(join(dataDir, "burrow.toml")) ? ["burrow.toml"] : []),
      ...(existsSync(secrets) ? readdirSync(secrets, { withFileTypes: true }) : [])
        .filter((entry) => entry.isFile() && !entry.name.endsWith(".new"))
        .map((entry) => `secrets/${entry.name}`),
    ],
    blobFolders: [...new Set(areas.flatMap((area) => area.blobs))].filter((name) =>
      existsSync(join(dataDir, name)),
    ),
  };
}

/** What lies in the data folder and is in no plan and on no list: an app that keeps something of its own. */
export function findUncovered(dataDir: string, areas: readonly BackupArea[]): string[] {
  const named = new Set(areas.flatMap((area) => area.databases));
  const blobs = new Set(areas.flatMap((area) => area.blobs));
  const folders = new Set(["burrow.toml", "secrets", "databases", ...blobs]);
  const top = readdirSync(dataDir).filter(
    (name) => !folders.has(name) && !neverBackedUp.some((never) => never.name.test(name)),
  );
  const inDatabases = existsSync(databaseFolder(dataDir)) ? readdirSync(databaseFolder(dataDir)) : [];
  const databases = inDatabases.filter(
    (file) => !named.has(file.replace(/\.db(?:-wal|-shm|-journal)?$/, "")),
  );
  return [...top, ...databases.map((file) => `databases/${file}`)];
}

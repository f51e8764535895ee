import type { Config } from "../config/config.ts";
import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { readConfig } from "../config/read-config.ts";
import { findRunning } from "../host/data-lock.ts";
import { createMembers } from "../members/create-members.ts";
import type { Members } from "../members/members.ts";
import { membersMigrations } from "../members/migrations.ts";
import { openDatabases } from "../storage/databases.ts";
import { type Invocation, textOption } from "./command.ts";

/**
 * Opens the members beside a running daemon (SQLite's WAL lets both work) and closes them afterwards. The daemon
 * sees what was done within a second.
 */
export async function withMembers<T>(
  invocation: Invocation,
  work: (members: Members, config: Config) => Promise<T> | T,
): Promise<T> {
  const config = openConfig(invocation);
  const databases = openDatabases(config.dataDir);
  try {
    const database = databases.open("members", membersMigrations);
    const members = createMembers({ database, now: Date.now, serverName: config.serverName });
    try {
      return await work(members, config);
    } finally {
      members.close();
    }
  } finally {
    await databases.close();
  }
}

/** The configuration of the data folder, with the address that a running daemon really has. */
export function openConfig(invocation: Invocation): Config {
  const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
  checkDataFolder(dataDir);
  const running = findRunning(dataDir);
  return readConfig({
    dataDir,
    environment: invocation.environment,
    ...(running && { overrides: { publicUrl: running.publicUrl } }),
  });
}

import type { Config } from "../config/config.ts";
import { openHostDatabase } from "../host/host-database.ts";
import type { Database } from "../storage/database.ts";
import { openDatabases } from "../storage/databases.ts";
import type { Invocation } from "./command.ts";
import { openConfig } from "./open-members.ts";

/** Opens host.db beside a running daemon, and closes it afterwards. */
export async function withHost<T>(
  invocation: Invocation,
  work: (database: Database, config: Config) => Promise<T> | T,
): Promise<T> {
  const config = openConfig(invocation);
  const databases = openDatabases(config.dataDir);
  try {
    return await work(openHostDatabase(databases), config);
  } finally {
    await databases.close();
  }
}

import type { Config } from "../../origin/config/config.ts";
import { openPanicDatabase } from "../../origin/gate/panic/panic-database.ts";
import { createPanicLatch } from "../../origin/gate/panic/panic-latch.ts";
import { readFact } from "../../origin/host/facts.ts";
import { createSignsOfLife, heartbeatFact } from "../../origin/host/heartbeat.ts";
import { openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { createOutbound } from "../../origin/host/outbound/outbound.ts";
import { openDatabases } from "../../origin/storage/databases.ts";

/** Sends what the origin sends in production: one sign of life, proved by this key. Whether the edge took it. */
export async function sendSignOfLife(config: Config, edgeKey: string): Promise<boolean> {
  const { dataDir, publicUrl } = config;
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  const outbound = createOutbound({ config, log, now: Date.now });
  const databases = openDatabases(dataDir);
  const database = openHostDatabase(databases);
  const latchDatabase = openPanicDatabase(dataDir);
  const earlier = readFact(database, heartbeatFact)?.notedAt;
  const signs = createSignsOfLife({
    publicUrl,
    readKeys: () => [edgeKey],
    outbound,
    panic: createPanicLatch(latchDatabase, Date.now),
    database,
    log,
    now: Date.now,
  });
  await signs.close();
  const noted = readFact(database, heartbeatFact)?.notedAt;
  await Promise.all([outbound.close(), databases.close(), latchDatabase.close()]);
  return noted !== earlier;
}

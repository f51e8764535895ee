import type { Config } from "../../config/config.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { Alerts } from "../../host/alerts/alerts.ts";
import type { Log } from "../../host/log.ts";
import type { Outbound } from "../../host/outbound/outbound.ts";
import type { Database, Migration } from "../../storage/database.ts";
import { createCloudflareList } from "./cloudflare-list.ts";
import { createHoneypot, type Honeypot } from "./honeypot.ts";
import { honeypotMigrations } from "./migrations.ts";
import { mirrorBlocks } from "./mirror-blocks.ts";

/** The honeypot as the settings have it; undefined while it is off, and then there is no database of it either. */
export function openHoneypot(options: {
  config: Pick<Config, "honeypot">;
  openDatabase: (name: string, migrations: readonly Migration[]) => Database;
  alerts: Pick<Alerts, "raise" | "clear">;
  outbound: Pick<Outbound, "fetch">;
  secrets: Pick<Secrets, "read">;
  log: Log;
  now: () => number;
}): Honeypot | undefined {
  const { config, openDatabase, alerts, outbound, secrets, log, now } = options;
  const settings = config.honeypot;
  if (settings === undefined) return undefined;
  const database = openDatabase("honeypot", honeypotMigrations);
  const honeypot = createHoneypot({ settings, database, alerts, log, now });
  if (settings.cloudflare === undefined) return honeypot;
  const list = createCloudflareList({
    ...settings.cloudflare,
    token: secrets.read("cloudflare-list-token"),
    outbound,
  });
  const mirror = mirrorBlocks({ blocks: honeypot.blocks, list, alerts, log });
  return {
    ...honeypot,
    async close() {
      mirror.close();
      await honeypot.close();
    },
  };
}

/** The real stores of mail on a data folder, without the server around them: for what is killed and what is measured. */
import { writeFileSync } from "node:fs";
import { createMailContext } from "../../../origin/apps/mail/create-mail-context.ts";
import type { MailContext } from "../../../origin/apps/mail/mail-context.ts";
import type { AppContext } from "../../../origin/app.ts";
import { makeDataFolder } from "../../../origin/config/data-folder.ts";
import { configFile, readConfig } from "../../../origin/config/read-config.ts";
import { createSecrets } from "../../../origin/config/secrets.ts";
import { createLog } from "../../../origin/host/log.ts";
import { createOutbound } from "../../../origin/host/outbound/outbound.ts";
import { createMembers } from "../../../origin/members/create-members.ts";
import { createKdf } from "../../../origin/members/kdf.ts";
import { membersMigrations } from "../../../origin/members/migrations.ts";
import type { Database } from "../../../origin/storage/database.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";

/** A folder with ada, its owner, and ben. */
export async function makeMailFolder(dataDir: string, bucketUrl: string): Promise<void> {
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  const toml = `mode = "development"\nserver_name = "burrow.localhost"\n[mail]\nbucket_url = "${bucketUrl}"\nbucket_key_id = "key"\n`;
  writeFileSync(configFile(dataDir), toml);
  const databases = openDatabases(dataDir);
  const members = createMembers({
    database: databases.open("members", membersMigrations),
    serverName: "burrow.localhost",
    now: Date.now,
    kdf: createKdf({ memory: 8, passes: 1 }),
  });
  await members.createOwner({ name: "ada", password: "violet anchor biscuit lamp" });
  await members.createAccount({ name: "ben", password: "violet anchor biscuit lamp" });
  members.close();
  await databases.close();
}

export interface OpenMail {
  readonly mail: MailContext;
  close(): Promise<void>;
}

export function openMail(
  dataDir: string,
  options: { wrap?: (database: Database) => Database; write?: (line: string) => void } = {},
): OpenMail {
  const { wrap = (database) => database, write = (line) => void process.stderr.write(line) } = options;
  const config = readConfig({ dataDir, environment: {} });
  if (!config.mail) throw new Error("mail is off");
  const log = createLog({ level: "error", now: Date.now, write });
  const databases = openDatabases(dataDir);
  const members = createMembers({
    database: databases.open("members", membersMigrations),
    serverName: config.serverName,
    now: Date.now,
    log,
  });
  const outbound = createOutbound({ config, log, now: Date.now });
  const context: Partial<AppContext> = {
    config,
    log,
    members,
    alerts: { raise() {}, clear() {} },
    outbound,
    now: Date.now,
    openDatabase: (name, migrations) => wrap(databases.open(name, migrations)),
  };
  // Doors and gates are not part of it.
  const mail = createMailContext(context as AppContext, config.mail);
  return {
    mail,
    async close() {
      await mail.reader.close();
      await mail.blobs.close();
      await outbound.close();
      members.close();
      await databases.close();
    },
  };
}

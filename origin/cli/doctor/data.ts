import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import { checkDataFolder } from "../../config/data-folder.ts";
import { throttleMigrations } from "../../gate/guess-limits/migrations.ts";
import { createMembers } from "../../members/create-members.ts";
import { membersMigrations } from "../../members/migrations.ts";
import { databaseFolder, openDatabases } from "../../storage/databases.ts";
import { chooseDriver } from "../../storage/open-driver.ts";
import { failed, failedBy, messageOf, ok, warning } from "./check.ts";
import { checkGuesses } from "./guesses.ts";
import { checkMemberKeys } from "./member-keys.ts";

export function checkFolder(dataDir: string): Check {
  try {
    checkDataFolder(dataDir);
    return ok("data-folder", dataDir);
  } catch (error) {
    return failedBy("data-folder", error, "Burrow does not start without a folder that is its own.");
  }
}

/** One check a database file. A fresh folder has none yet. `schemas`: how far this version knows each. */
export function checkDatabases(dataDir: string, schemas: ReadonlyMap<string, number>): Check[] {
  const folder = databaseFolder(dataDir);
  if (!existsSync(folder)) return [ok("databases", "None yet: the first start makes them.")];
  const files = readdirSync(folder).filter((file) => file.endsWith(".db"));
  return files.map((file) => checkDatabase(join(folder, file), file.slice(0, -3), schemas));
}

const restore = {
  why: "What it holds can be lost or wrong, and every further write makes it worse.",
  mend: "Stop Burrow and restore a backup: burrow backup restore ARCHIVE --identity FILE",
};

function checkDatabase(path: string, name: string, schemas: ReadonlyMap<string, number>): Check {
  const label = `database ${name}`;
  try {
    const driver = chooseDriver()(path);
    try {
      const result = driver.prepare<{ quick_check: string }>("PRAGMA quick_check(1)").get()?.quick_check;
      const version =
        driver.prepare<{ user_version: number }>("PRAGMA user_version").get()?.user_version ?? 0;
      if (result !== "ok") return failed(label, `It is damaged (${result}).`, restore);
      if (version > (schemas.get(name) ?? Number.POSITIVE_INFINITY)) {
        return failed(label, `A newer Burrow wrote it (schema ${version}).`, {
          why: "This version does not know how to read it, and does not start.",
          mend: "Install the newer version again.",
        });
      }
      return ok(label, `Whole, schema ${version}.`);
    } finally {
      driver.close();
    }
  } catch (error) {
    return failed(label, `It cannot be read (${messageOf(error)}).`, restore);
  }
}

export async function checkAccounts(config: Config): Promise<Check[]> {
  const databases = openDatabases(config.dataDir);
  try {
    const database = databases.open("members", membersMigrations);
    const members = createMembers({ database, now: Date.now, serverName: config.serverName });
    try {
      const now = Date.now();
      const open = members
        .listInvites()
        .filter(
          (invite) => invite.revokedAt === null && invite.uses < invite.usesAllowed && invite.expiresAt > now,
        );
      const many = open.filter((invite) => invite.usesAllowed > 1).length;
      return [
        members.claimed()
          ? ok("owner", `The server has an owner and ${members.list().length} accounts in all.`)
          : warning("owner", "Nobody owns this server yet.", {
              why: "Whoever gets the set-up link first owns it.",
              mend: "burrow owner create NAME --password-stdin",
            }),
        many > 0
          ? warning("invites", `${open.length} open, ${many} of them for several people.`, {
              why: "A link for several people that leaks lets strangers in.",
              mend: "burrow invite list, then burrow invite revoke ID for each that is not needed",
            })
          : ok("invites", `${open.length} open.`),
        checkMemberKeys(members.keys.list(), now),
        checkGuesses(
          databases.open("throttle", throttleMigrations),
          new Set(members.list().map(({ name }) => name)),
          now,
        ),
      ];
    } finally {
      members.close();
    }
  } catch (error) {
    return [failedBy("accounts", error, "Nobody can sign in.")];
  } finally {
    await databases.close();
  }
}

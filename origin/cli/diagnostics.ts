import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { chooseDataFolder } from "../config/data-folder.ts";
import { configFile } from "../config/read-config.ts";
import { readFile } from "../config/read-file.ts";
import { partsToHide, secretFile, secretNames } from "../config/secrets.ts";
import { settings, type SettingName, variableOf } from "../config/settings.ts";
import { identityFile } from "../host/backup/backup-keys.ts";
import { findRunning } from "../host/data-lock.ts";
import { openHostDatabase } from "../host/host-database.ts";
import { createRedactor } from "../host/redact.ts";
import { askDaemon } from "../host/supervisor/control.ts";
import { chooseServicesFile, readServicesFile } from "../host/supervisor/services-file.ts";
import { openDatabases } from "../storage/databases.ts";
import { writeNewFile } from "../storage/new-file.ts";
import { answer, type Command, CommandError, textOption } from "./command.ts";

export const diagnostics: Command = {
  name: "diagnostics",
  usage: "[--to FILE]",
  summary: "Packs what helps to find a fault into a zip, without secrets.",
  options: { to: { type: "string" } },
  words: 0,
  async run(invocation) {
    const { environment } = invocation;
    const now = Date.now();
    const dataDir = chooseDataFolder(textOption(invocation, "data"), environment);
    if (!existsSync(dataDir))
      throw new CommandError(`There is no data folder ${dataDir}. Name it with --data.`);
    const day = new Date(now).toISOString().slice(0, 16).replaceAll(/[-:]/g, "").replace("T", "-");
    const path = resolve(textOption(invocation, "to") ?? `burrow-diagnostics-${day}.zip`);
    if (existsSync(path)) throw new CommandError(`${path} is there already. Choose another file with --to.`);

    // Loaded here: every other command would otherwise wait for them.
    const { runChecks } = await import("./doctor/run-checks.ts");
    const { collectDiagnostics } = await import("../host/diagnostics/diagnostics.ts");
    const running = findRunning(dataDir);
    const databases = attempt(() => openDatabases(dataDir));
    try {
      const zip = await collectDiagnostics({
        dataDir,
        environment,
        checks: await runChecks(dataDir, environment),
        running,
        database: databases && attempt(() => openHostDatabase(databases)),
        services: running && (await askDaemon(dataDir, { do: "status" }).catch(() => undefined)),
        redact: redactorOf(dataDir, environment),
        now,
      });
      // Made last and at once, for its owner only: nothing half or unredacted ever lies on the disk.
      writeNewFile(path, zip);
      answer(invocation, { path, bytes: zip.length }, [
        `Wrote ${path} (${Math.ceil(zip.length / 1000)} kB).`,
        "Secrets are left out. Names of people, rooms and hosts may be in the logs: look before you pass it on.",
      ]);
    } finally {
      await databases?.close();
    }
    return 0;
  },
};

/**
 * Knows every secret of the folder, also those of settings and files that the daemon would refuse: this must work
 * where nothing else does.
 */
function redactorOf(dataDir: string, environment: NodeJS.ProcessEnv): (text: string) => string {
  const redactor = createRedactor();
  const paths = [...secretNames.map((name) => secretFile(dataDir, name)), identityFile(dataDir)];
  for (const path of paths) {
    const content = attempt(() => readFileSync(path, "utf8").trim());
    // Of the identity's file only the identity is secret; its comments are short words of every log.
    for (const part of partsToHide(content ?? "")) if (!part.startsWith("#")) redactor.register(part);
  }
  const services = attempt(() => readServicesFile(chooseServicesFile(undefined, environment), dataDir));
  for (const secret of services?.secrets ?? []) redactor.register(secret);
  const { values } = readFile(configFile(dataDir));
  for (const name of Object.keys(settings) as SettingName[]) {
    if (settings[name].secret !== true) continue;
    for (const value of [values.get(name), environment[variableOf(name)]]) {
      if (typeof value !== "string") continue;
      for (const part of [value, value.replace(/^[a-z]+:\/\/[^/]*\//, "")]) redactor.register(part);
    }
  }
  return (text) => redactor.redact(text);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

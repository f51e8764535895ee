import type { Check } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError, readConfig } from "../../config/read-config.ts";
import { findRunning } from "../../host/data-lock.ts";
import { openHostDatabase } from "../../host/host-database.ts";
import { isAndroid } from "../../host/supervisor/watch-processes.ts";
import { knownDatabases } from "../../known-databases.ts";
import { openDatabases } from "../../storage/databases.ts";
import { checkAlerts } from "./alerts.ts";
import { readAppChecks } from "./apps.ts";
import { checkBackups } from "./backups.ts";
import { failed, failedBy, ok } from "./check.ts";
import { checkAccounts, checkDatabases, checkFolder } from "./data.ts";
import { checkSecrets } from "./keys.ts";
import { checkDiskSpace, checkDriver, checkFileSystem, checkNode } from "./machine.ts";
import { checkModes } from "./modes.ts";
import { checkHeartbeat } from "./heartbeat.ts";
import { checkPanic } from "./panic.ts";
import { checkQuestions } from "./questions.ts";
import { checkDaemon, checkEdge, checkListeners } from "./service.ts";
import { checkSsh, sshConfigFile } from "./ssh.ts";
import { checkSupervised } from "./supervised.ts";

/** Every row of doctor, from the ground up: what a check needs was checked before it, so a failure ends the row. */
export async function runChecks(dataDir: string, environment: NodeJS.ProcessEnv): Promise<Check[]> {
  const checks = [checkNode(process.version), checkDriver(), checkFolder(dataDir)];
  if (checks.at(-1)?.status === "failed") return checks;
  checks.push(
    checkFileSystem(dataDir),
    checkDiskSpace(dataDir),
    checkModes(dataDir),
    await checkPanic(dataDir),
    ...checkSecrets(dataDir, Date.now()),
    ...checkDatabases(dataDir, new Map(knownDatabases.map((known) => [known.name, known.migrations.length]))),
  );
  const running = findRunning(dataDir);
  let config: Config;
  try {
    readConfig({ dataDir, environment });
    checks.push(ok("config", "burrow.toml and the environment can be used."));
    config = readConfig({
      dataDir,
      environment,
      ...(running && { overrides: { publicUrl: running.publicUrl } }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const remedy = { why: "Burrow does not start.", mend: "Edit burrow.toml, or unset the variable." };
    return [...checks, ...error.problems.map((problem) => failed("config", problem, remedy))];
  }
  checks.push(...(await checkAccounts(config)), checkDaemon(running));
  if (running) checks.push(await checkListeners(running), ...(await checkSupervised(config)));
  if (running || config.mode === "production") checks.push(...(await checkEdge(config)));
  checks.push(...(await checkMemory(config)));
  if (config.mode === "production") checks.push(checkSsh(sshConfigFile(environment)));
  return checks;
}

/** What host.db remembers. A folder for trying things out is asked no yearly questions. */
async function checkMemory(config: Config): Promise<Check[]> {
  const databases = openDatabases(config.dataDir);
  try {
    const database = openHostDatabase(databases);
    const now = Date.now();
    return [
      ...readAppChecks(database),
      ...(config.mode === "production"
        ? [
            ...checkAlerts(config, database),
            checkHeartbeat(database, now),
            ...checkBackups(config.dataDir, database, now),
            ...checkQuestions(database, now, isAndroid()),
          ]
        : []),
    ];
  } catch (error) {
    return [failedBy("host-database", error, "Alerts and backups are not remembered.")];
  } finally {
    await databases.close();
  }
}

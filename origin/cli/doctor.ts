import type { Check } from "../app.ts";
import { chooseDataFolder } from "../config/data-folder.ts";
import { ConfigError, readConfig } from "../config/read-config.ts";
import { findRunning } from "../host/data-lock.ts";
import { answer, type Command, type Invocation, textOption } from "./command.ts";
import { failed, ok } from "./doctor/check.ts";
import { checkAccounts, checkDatabases, checkFolder, checkSecrets } from "./doctor/data.ts";
import { checkDiskSpace, checkDriver, checkFileSystem, checkNode } from "./doctor/machine.ts";
import { checkDaemon, checkEdge, checkListeners } from "./doctor/service.ts";
import { openConfig } from "./open-members.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "",
  summary: "Checks the machine, the data folder and the way through the edge.",
  words: 0,
  async run(invocation) {
    const checks = await checkEverything(invocation);
    const passed = checks.every((check) => check.status !== "failed");
    const conclusion = passed ? "Nothing failed." : "Something failed: see above.";
    answer(invocation, { checks, ok: passed }, [...checks.map(line), "", conclusion]);
    return passed ? 0 : 1;
  },
};

/** From the ground up: what a check needs was checked before it, so a failure ends the row. */
async function checkEverything(invocation: Invocation): Promise<Check[]> {
  const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
  const checks = [checkNode(process.version), checkDriver(), checkFolder(dataDir)];
  if (checks.at(-1)?.status === "failed") return checks;
  checks.push(
    checkFileSystem(dataDir),
    checkDiskSpace(dataDir),
    checkSecrets(dataDir),
    ...checkDatabases(dataDir),
  );
  try {
    readConfig({ dataDir, environment: invocation.environment });
    checks.push(ok("config", "burrow.toml and the environment can be used."));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [...checks, ...error.problems.map((problem) => failed("config", problem))];
  }
  const config = openConfig(invocation);
  const running = findRunning(dataDir);
  checks.push(...(await checkAccounts(config)), checkDaemon(running));
  if (running) checks.push(await checkListeners(running));
  if (running || config.mode === "production") checks.push(...(await checkEdge(config)));
  return checks;
}

function line(check: Check): string {
  return `${check.status.padEnd(7)}  ${check.name.padEnd(16)}  ${check.detail}`;
}

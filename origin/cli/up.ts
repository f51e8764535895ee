import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { readConfig } from "../config/read-config.ts";
import { checkPlatform, checkProduction, checkUser } from "../host/dev-guard.ts";
import { createStderrLog } from "../host/log.ts";
import { openLogFile } from "../host/log-file.ts";
import { chooseServicesFile } from "../host/supervisor/services-file.ts";
import { forTrial } from "../host/update/trial-config.ts";
import { type Command, textOption } from "./command.ts";
import { logConsole } from "./console.ts";
import { untilStopped } from "./until-stopped.ts";

export const up: Command = {
  name: "up",
  usage: "[--allow-root] [--services FILE] [--trial]",
  summary: "Runs the origin and its services in the foreground.",
  options: { "allow-root": { type: "boolean" }, services: { type: "string" }, trial: { type: "boolean" } },
  words: 0,
  async run(invocation) {
    checkPlatform(process.platform);
    const { environment } = invocation;
    checkUser(
      process.getuid?.(),
      invocation.options["allow-root"] === true || environment["BURROW_ALLOW_ROOT"] === "1",
    );
    const dataDir = chooseDataFolder(textOption(invocation, "data"), environment);
    checkDataFolder(dataDir);
    // On a copy of the data, before an update: alone on a loopback port, heard by nobody else.
    const trial = invocation.options["trial"] === true;
    const config = trial
      ? forTrial(readConfig({ dataDir, environment, overrides: { listen: anyLoopbackPort } }))
      : readConfig({ dataDir, environment });
    checkProduction(config, environment);
    const file = openLogFile(dataDir);
    const log = createStderrLog(config.log.level, (line) => file.write(line));
    logConsole(log);
    const stopped = trial ? Promise.race([untilStopped(), untilInputEnds()]) : untilStopped();
    // Loaded here: every other command would otherwise wait for all the apps to load.
    const { startOrigin } = await import("../main.ts");
    const servicesFile = chooseServicesFile(textOption(invocation, "services"), environment);
    const origin = await startOrigin({ config, log, servicesFile, trial });
    if (invocation.json)
      process.stdout.write(`${JSON.stringify({ event: "ready", origin: origin.address.text })}\n`);
    const reason = await stopped;
    log.info("origin.stopping", { reason });
    await origin.close();
    return 0;
  },
};

const anyLoopbackPort = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

/** What was started for a trial ends with its starter, however that ends: the pipe between them closes. */
function untilInputEnds(): Promise<string> {
  return new Promise((resolve) => {
    process.stdin.once("end", () => resolve("the trial's end")).resume();
  });
}

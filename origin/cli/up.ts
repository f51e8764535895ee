import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { readConfig } from "../config/read-config.ts";
import { checkPlatform, checkProduction, checkUser } from "../host/dev-guard.ts";
import { createStderrLog } from "../host/log.ts";
import { type Command, textOption } from "./command.ts";
import { logConsole } from "./console.ts";
import { untilStopped } from "./until-stopped.ts";

export const up: Command = {
  name: "up",
  usage: "[--allow-root]",
  summary: "Runs the origin in the foreground.",
  options: { "allow-root": { type: "boolean" } },
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
    const config = readConfig({ dataDir, environment });
    checkProduction(config, environment);
    const log = createStderrLog(config.log.level);
    logConsole(log);
    const stopped = untilStopped();
    // Loaded here: every other command would otherwise wait for all the apps to load.
    const { startOrigin } = await import("../main.ts");
    const origin = await startOrigin({ config, log });
    if (invocation.json)
      process.stdout.write(`${JSON.stringify({ event: "ready", origin: origin.address.text })}\n`);
    const reason = await stopped;
    log.info("origin.stopping", { reason });
    await origin.close();
    return 0;
  },
};

import { existsSync, readdirSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { chooseDataFolder } from "../config/data-folder.ts";
import { configFile, readConfig } from "../config/read-config.ts";
import { readTestServerName, SettingError } from "../config/settings.ts";
import { checkPlatform, checkTestAllowed, checkTestFolder } from "../host/dev-guard.ts";
import { createStderrLog } from "../host/log.ts";
import { type Command, CommandError, type Invocation, textOption, UsageError } from "./command.ts";
import { logConsole } from "./console.ts";
import { tryPort } from "./dev-port.ts";
import { initialise } from "./init.ts";
import { untilStopped } from "./until-stopped.ts";

/** Where suites look for a homeserver. */
const usualPort = 8008;

export const testServer: Command = {
  name: "test-server",
  usage: "--server-name NAME [--port N] [--shared-secret S]  with --data DIR and BURROW_ALLOW_DEV_MODE=1",
  summary: "Runs the origin without an edge for suites of others: everybody gets an account.",
  options: {
    "server-name": { type: "string" },
    port: { type: "string" },
    "shared-secret": { type: "string" },
  },
  words: 0,
  async run(invocation) {
    checkPlatform(process.platform);
    checkTestAllowed(invocation.environment);
    const config = await prepare(invocation);
    const log = createStderrLog(config.log.level);
    logConsole(log);
    const stopped = untilStopped();
    const { startOrigin } = await import("../main.ts");
    const origin = await startOrigin({ config, log });
    const { publicUrl: url, serverName } = config;
    invocation.print(
      invocation.json
        ? `${JSON.stringify({ event: "ready", url, server_name: serverName })}\n`
        : `The test server ${serverName} runs at ${url}\n`,
    );
    await stopped;
    await origin.close();
    return 0;
  },
};

/** Makes the folder where it is new, refuses one that was not made here, and chooses the port. */
async function prepare(invocation: Invocation): Promise<Config> {
  const data = textOption(invocation, "data");
  if (data === undefined) throw new UsageError("Give the test server a data folder of its own: --data DIR.");
  const dataDir = chooseDataFolder(data, {});
  const serverName = readName(textOption(invocation, "server-name"));
  const asked = readPort(textOption(invocation, "port"));

  if (existsSync(configFile(dataDir))) checkTestFolder(readConfig({ dataDir, environment: {} }));
  else if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new CommandError(`${dataDir} holds something else. Give --data a new folder.`);
  }
  initialise({ dataDir, serverName, mode: "test" });
  const port = await tryPort(asked);
  if (port === undefined) {
    throw new CommandError(`Port ${asked} is taken. Choose another one with --port, or 0 for any free one.`);
  }
  return readConfig({
    dataDir,
    environment: invocation.environment,
    overrides: {
      publicUrl: `http://127.0.0.1:${port}`,
      listen: { kind: "tcp", host: "127.0.0.1", port },
      testing: { sharedSecret: textOption(invocation, "shared-secret") ?? "" },
    },
  });
}

function readName(text: string | undefined): string {
  if (text === undefined) throw new UsageError("Give the name that the suite expects: --server-name hs1.");
  try {
    return readTestServerName(text);
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(`--server-name ${error.message}.`);
    throw error;
  }
}

function readPort(text: string | undefined): number {
  const port = Number(text ?? usualPort);
  if (!/^\d{1,5}$/.test(text ?? String(usualPort)) || port > 65_535)
    throw new UsageError(`--port ${text} is no port: 0 to 65535.`);
  return port;
}

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { renderUnicodeCompact } from "uqr";
import { formatHostTable } from "../../shared/hosts.ts";
import type { Config } from "../config/config.ts";
import { chooseDataFolder } from "../config/data-folder.ts";
import { gateVariables } from "../config/gate-variables.ts";
import { configFile, readConfig } from "../config/read-config.ts";
import { trustedHeaders } from "../config/proxied-app.ts";
import { readEdgeKeys } from "../config/secrets.ts";
import { checkDevelopment, checkPlatform } from "../host/dev-guard.ts";
import { createStderrLog } from "../host/log.ts";
import type { Origin } from "../main.ts";
import { type Command, type Invocation, textOption, UsageError } from "./command.ts";
import { logConsole } from "./console.ts";
import type { EdgeOptions, RunningEdge } from "./dev/edge-process.ts";
import { chooseEdgePort } from "./dev-port.ts";
import { initialise } from "./init.ts";
import { untilStopped } from "./until-stopped.ts";

const serverName = "burrow.localhost";
/** As wrangler.toml names it. */
const mailBucket = "burrow-mail";

export const dev: Command = {
  name: "dev",
  usage: "[--edge-port N]",
  summary: "Runs the origin and the real edge on this machine, to try and to develop.",
  options: { "edge-port": { type: "string" } },
  words: 0,
  async run(invocation) {
    const edgePort = readPort(textOption(invocation, "edge-port"));
    const stopped = untilStopped();
    const started = start(invocation, edgePort);
    const running = await Promise.race([started, stopped.then(() => undefined)]);
    if (!running) return await abandon(started);
    const reason = await Promise.race([stopped, running.edgeEnded]);
    if (reason === "edge ended") {
      process.stderr.write(
        "burrow: the edge stopped by itself, so everything stops. Its last lines above say why.\n",
      );
    }
    await stop(running);
    return reason === "edge ended" ? 1 : 0;
  },
};

/** Stopped while it started: what is not up a second from now is not waited for; the edge's child ends with us. */
async function abandon(started: Promise<Running>): Promise<never> {
  const patience = new Promise((resolve) => setTimeout(resolve, 1_000));
  await Promise.race([started.then(stop, () => {}), patience]);
  process.exit(0);
}

async function stop({ origin, edge }: Running): Promise<void> {
  await Promise.all([edge.stop(), origin.close()]);
}

interface Running {
  readonly origin: Origin;
  readonly edge: RunningEdge;
  readonly edgeEnded: Promise<"edge ended">;
}

async function start(invocation: Invocation, edgePort: number | undefined): Promise<Running> {
  checkPlatform(process.platform);
  const say = invocation.json ? () => {} : (line: string) => void process.stdout.write(`${line}\n`);
  if (process.getuid?.() === 0) {
    process.stderr.write("burrow: running as root. That is fine for a try, and for nothing else.\n");
  }
  const dataDir = chooseDataFolder(textOption(invocation, "data") ?? "data", {});
  const port = await chooseEdgePort(edgePort);
  const mailS3 = newMailBucket();
  const config = prepare(dataDir, port, mailS3.accessKeyId, invocation.environment);
  const log = createStderrLog(config.log.level);
  logConsole(log);

  say(`Starting the origin on ${dataDir} …`);
  const { startOrigin } = await import("../main.ts");
  const origin = await startOrigin({ config, log, mailBucketSecret: mailS3.secretAccessKey });
  try {
    say("Starting the edge in workerd …");
    const { startEdge } = await import("./dev/edge-process.ts");
    const edge = await startEdge({
      root: invocation.root,
      origin: origin.address.text,
      edgeKey: readEdgeKeys(dataDir)[0] ?? "",
      hosts: formatHostTable(config.hosts),
      vars: gateVariables(config),
      trustedHeaders: trustedHeaders(config.apps).join(" "),
      port,
      persistDir: join(dataDir, "edge"),
      mailS3,
    });
    const setup = origin.members.claimed()
      ? null
      : `${edge.url}/setup#${await origin.members.createSetupToken()}`;
    if (invocation.json) {
      const ready = { event: "ready", edge: edge.url, origin: originUrl(origin), setup };
      process.stdout.write(`${JSON.stringify(ready)}\n`);
    } else say(welcome(edge.url, setup, dataDir));
    return { origin, edge, edgeEnded: edge.exited.then(() => "edge ended" as const) };
  } catch (error) {
    await origin.close();
    throw error;
  }
}

/** The bucket of mail as workerd has it, with a key for this start alone. */
function newMailBucket(): NonNullable<EdgeOptions["mailS3"]> {
  return {
    bucket: mailBucket,
    accessKeyId: "burrow-dev",
    secretAccessKey: randomBytes(24).toString("hex"),
  };
}

/** Makes the folder's configuration and secrets where they are absent, and refuses one that is not for development. */
function prepare(dataDir: string, port: number, bucketKeyId: string, environment: NodeJS.ProcessEnv): Config {
  const isNew = !existsSync(configFile(dataDir));
  if (isNew) initialise({ dataDir, serverName, mode: "development" });
  const edge = `http://127.0.0.1:${port}`;
  const bucketUrl = `${edge}/cdn-cgi/local/r2/s3/${mailBucket}`;
  const config = readConfig({
    dataDir,
    environment,
    overrides: {
      publicUrl: edge,
      listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
      mailBucket: { bucketUrl, bucketRegion: "auto", bucketKeyId },
    },
  });
  checkDevelopment(config);
  if (!isNew) initialise({ dataDir, serverName: config.serverName, mode: "development" });
  return config;
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new UsageError(`--edge-port ${text} is no port: 0 to 65535.`);
  return port;
}

function originUrl(origin: Origin): string {
  return origin.address.kind === "tcp" ? `http://${origin.address.text}` : origin.address.text;
}

function welcome(edge: string, setup: string | null, dataDir: string): string {
  if (setup === null) return `\nBurrow runs at ${edge}\n`;
  return [
    "",
    `Burrow runs at ${edge}`,
    "",
    "Nobody owns it yet. This link claims it, once, within a day:",
    "",
    `  ${setup}`,
    "",
    renderUnicodeCompact(setup),
    "",
    "Then invite somebody, in another terminal:",
    "",
    `  bin/burrow --data "${dataDir}" invite create --name Ben`,
    "",
    "Ctrl-C stops everything.",
    "",
  ].join("\n");
}

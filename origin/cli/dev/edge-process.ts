import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What the development edge is started with. */
export interface EdgeOptions {
  /** The project's folder, where wrangler.toml and workers/ are. */
  root: string;
  /** Where the origin listens: `127.0.0.1:PORT` or `unix:/path`. */
  origin: string;
  /** The edge key line that the origin holds. */
  edgeKey: string;
  /** Host table, as shared/hosts.ts reads it. */
  hosts: string;
  /** Further variables of the Worker, by their names. */
  vars?: Readonly<Record<string, string>>;
  /** Names of headers that some app takes at their word, separated by spaces. */
  trustedHeaders?: string;
  /** Port on 127.0.0.1; 0 for any. */
  port: number;
  /** Folder for what the edge keeps (R2, Durable Objects). */
  persistDir: string;
  /** Serves the mail bucket by the S3 protocol too, under these credentials. */
  mailS3?: { bucket: string; accessKeyId: string; secretAccessKey: string };
}

/** A running edge. */
export interface RunningEdge {
  /** Without a trailing slash. */
  readonly url: string;
  /** Fulfilled when the edge has ended, by `stop` or by itself. */
  readonly exited: Promise<void>;
  /** Ends the edge and everything that it started; within two seconds. */
  stop(): Promise<void>;
}

export type EdgeFault = "port-busy" | "no-wrangler" | "not-started";

/** What the child tells its parent, once. */
export type EdgeChildMessage = { ready: string } | { failed: EdgeFault; message: string };

/** The edge could not be started; the message says what to do. */
export class EdgeStartError extends Error {
  override readonly name = "EdgeStartError";
  readonly fault: EdgeFault;

  constructor(fault: EdgeFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 1_500;

// No telemetry, no update check, no look-up of a placeholder location, no log files in the home folder.
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
  CI: "1",
};

/**
 * Starts the real Worker in workerd on loopback, by the production configuration with ORIGIN bound to the given address.
 *
 * @throws EdgeStartError when it does not start.
 */
export async function startEdge(options: EdgeOptions): Promise<RunningEdge> {
  // A process group of its own: the terminal's Ctrl-C passes it by, and the whole of it can be ended.
  const child = spawn(process.execPath, [childModule()], {
    cwd: options.root,
    detached: true,
    env: { ...process.env, ...QUIET },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = new Promise<void>((resolve) => {
    child.on("error", () => resolve());
    child.once("exit", () => {
      // A child killed from outside leaves its workerds behind.
      endGroup(child);
      resolve();
    });
  });
  async function stop(): Promise<void> {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => endGroup(child), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
  }

  try {
    const url = await untilReady(child, exited, options);
    return { url: url.replace(/\/$/, ""), exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady(child: ChildProcess, exited: Promise<void>, options: EdgeOptions): Promise<string> {
  // By IPC and not by arguments or environment, which every process on the device can read.
  child.send(options);
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new EdgeStartError("not-started", "The edge did not start within a minute.")),
    START_WITHIN_MS,
  );
  try {
    const message = await Promise.race([
      new Promise<EdgeChildMessage>((resolve) =>
        child.once("message", (said) => resolve(said as EdgeChildMessage)),
      ),
      exited.then(
        (): EdgeChildMessage => ({ failed: "not-started", message: "The edge ended while starting." }),
      ),
      timeout.promise,
    ]);
    if ("ready" in message) return message.ready;
    throw new EdgeStartError(message.failed, message.message);
  } finally {
    clearTimeout(timer);
  }
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody of it is left.
  }
}

/** The child beside this module, in the form (source or built) in which this one runs. */
function childModule(): string {
  const here = fileURLToPath(import.meta.url);
  return here.replace(/edge-process(\.[jt]s)$/, "edge-child$1");
}

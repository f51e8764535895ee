import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { OriginFacts } from "./test-origin.ts";

const entry = fileURLToPath(new URL("origin-child.ts", import.meta.url));

export interface OriginProcess extends OriginFacts {
  readonly child: ChildProcess;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** A port that was free a moment ago: what is restarted must come back where the edge looks for it. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export async function startOriginProcess(options: {
  dataDir: string;
  port?: number;
  /** What a browser is told to use: the edge's URL. */
  publicUrl?: string;
  env?: NodeJS.ProcessEnv;
  /** The command that starts it elsewhere: in another mount namespace. */
  within?: readonly string[];
  /** Gets its log (warnings and errors), which else goes to the test's own standard error. */
  onLog?: (text: string) => void;
}): Promise<OriginProcess> {
  const [command, ...words] = [
    ...(options.within ?? []),
    process.execPath,
    entry,
    options.dataDir,
    String(options.port ?? 0),
    options.publicUrl ?? "http://127.0.0.1",
  ];
  const { onLog } = options;
  const child = spawn(command ?? process.execPath, words, {
    stdio: ["ignore", "pipe", onLog ? "pipe" : "inherit", "ipc"],
    env: { ...process.env, ...options.env },
  });
  if (onLog) child.stderr?.on("data", (text: Buffer) => onLog(text.toString()));
  const gone = once(child, "exit");
  const lines = createInterface({ input: child.stdout! });
  const first = await Promise.race([once(lines, "line"), gone.then(() => undefined)]);
  if (!first) throw new Error("the origin ended before it listened");
  return {
    ...(JSON.parse(String(first[0])) as OriginFacts),
    child,
    async kill(signal) {
      child.kill(signal);
      await gone;
    },
  };
}

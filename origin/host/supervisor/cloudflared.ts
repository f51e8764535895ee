import { statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Service } from "./service.ts";
import { checkWriters, isWithin, ServicesFileError } from "./trusted-file.ts";

/**
 * cloudflared as a service (H2). The program comes from the services file or from PATH, never from burrow.toml: a
 * write into the data folder must not choose what is run (H7). Its token stays in its file: an argument would be
 * in every process list, a variable in what it starts. Throws ServicesFileError when there is no such program.
 */
export function cloudflaredService(
  config: Config,
  options: { binary: string | undefined; tokenFile: string; environment: NodeJS.ProcessEnv },
): Service {
  const { binary, tokenFile, environment } = options;
  const program = binary ?? findProgram("cloudflared", environment, config.dataDir);
  if (program === undefined) {
    throw new ServicesFileError([
      'cloudflared is not installed. Install it to ~/.local/bin or another folder of PATH, or name it in the services file: [cloudflared] binary = "/path/to/cloudflared". "burrow download cloudflared" fetches a pinned one and tells that line. Never run it from the data folder.',
    ]);
  }
  const listen = { kind: "tcp", host: "127.0.0.1", port: config.tunnel.metricsPort } as const;
  return {
    name: "cloudflared",
    command: [
      program,
      "tunnel",
      // An empty file: ~/.cloudflared/config.yml of another tunnel must not be taken for ours.
      "--config=/dev/null",
      "--no-autoupdate",
      `--metrics=${listen.host}:${listen.port}`,
      "--management-diagnostics=false",
      // Shorter than the supervisor's own grace, so that requests under way end in good order.
      "--grace-period=3s",
      "run",
      "--protocol=quic",
      `--token-file=${tokenFile}`,
    ],
    environment: certificates(environment),
    cwd: "/",
    listen,
    // 200 while at least one connection to the edge stands.
    health: { address: listen, path: "/ready" },
    startAfter: [],
    dialsOutByUdp: true,
  };
}

/** Where Go looks for the roots of trust when they are not in the usual place, as on Termux. Paths, no secrets. */
function certificates(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

function findProgram(name: string, environment: NodeJS.ProcessEnv, dataDir: string): string | undefined {
  const { PATH: path = "", HOME: home = "" } = environment;
  // Service managers set a PATH without the user's own folder of programs.
  return [...path.split(":"), ...(home === "" ? [] : [join(home, ".local", "bin")])]
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find((program) => !isWithin(dataDir, program) && isSafeProgram(program));
}

function isSafeProgram(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || (found.mode & 0o111) === 0) return false;
  try {
    checkWriters(path, found);
    return true;
  } catch (error) {
    if (error instanceof ServicesFileError) return false;
    throw error;
  }
}

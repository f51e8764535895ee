import type { Config } from "../config/config.ts";

/** This is not a way to run Burrow. The message says what is. */
export class RunRefusedError extends Error {
  override name = "RunRefusedError";
}

/** G7: development is loopback and *.localhost only, so `dev` never opens a folder that the internet knows. */
export function checkDevelopment(config: Config): void {
  if (config.mode !== "development") {
    throw new RunRefusedError(
      `The data folder ${config.dataDir} is for ${config.mode}, not for development ("mode" in burrow.toml). Use "burrow ${config.mode === "test" ? "test-server" : "up"}" for it, or another folder with --data.`,
    );
  }
  refusePublicName(config);
}

/** G7: a server that lets everybody in is started on purpose only. `allowed` is BURROW_ALLOW_DEV_MODE=1. */
export function checkTestAllowed(environment: NodeJS.ProcessEnv): void {
  if (environment["BURROW_ALLOW_DEV_MODE"] === "1") return;
  throw new RunRefusedError(
    "A test server gives an account to whoever asks. Set BURROW_ALLOW_DEV_MODE=1 if that is really meant.",
  );
}

/** G7: `test-server` opens only what it has made itself, and nothing that the internet knows. */
export function checkTestFolder(config: Config): void {
  if (config.mode !== "test") {
    throw new RunRefusedError(
      `The data folder ${config.dataDir} is no test server's ("mode" in burrow.toml). Give --data a new folder.`,
    );
  }
  const host = new URL(config.publicUrl).hostname;
  // The name itself is one word (settings.ts), so nobody can own it.
  if (host !== config.serverName && !isLocalName(host)) {
    throw new RunRefusedError(
      `A test server is for this machine only, and ${host} is a public name. Give --data a new folder.`,
    );
  }
}

/**
 * G7: `up` runs production; a development folder only when told so, and never under a public name; a test server's
 * folder never, for its accounts belong to whoever asked.
 */
export function checkProduction(config: Config, environment: NodeJS.ProcessEnv): void {
  if (config.mode === "test") {
    throw new RunRefusedError(
      `The data folder ${config.dataDir} is a test server's: anybody could make accounts in it. Run "burrow init" in a folder of its own.`,
    );
  }
  const mode = config.mode === "development" ? "development" : environment["NODE_ENV"];
  if (mode !== "development" && mode !== "test") return;
  if (config.mode === "development") refusePublicName(config);
  else if (!isLocalName(config.serverName)) {
    throw new RunRefusedError(
      `NODE_ENV is "${mode}", and ${config.serverName} is a public name. Unset NODE_ENV to run the server.`,
    );
  }
  if (environment["BURROW_ALLOW_DEV_MODE"] !== "1") {
    throw new RunRefusedError(
      `This would run in ${mode} mode. Use "burrow dev", or set BURROW_ALLOW_DEV_MODE=1 if that is really meant.`,
    );
  }
}

function refusePublicName(config: Config): void {
  const names = [config.serverName, new URL(config.publicUrl).hostname];
  const open = names.find((name) => !isLocalName(name));
  if (open !== undefined) {
    throw new RunRefusedError(
      `Development mode is for this machine only, and ${open} is a public name. Run "burrow init" in a folder of its own for a real server.`,
    );
  }
}

function isLocalName(name: string): boolean {
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    name === "[::1]"
  );
}

/** H6: a mistake in a network daemon should not own the machine. `allowed` is --allow-root or BURROW_ALLOW_ROOT=1. */
export function checkUser(uid: number | undefined, allowed: boolean): void {
  if (uid === 0 && !allowed) {
    throw new RunRefusedError(
      "Burrow does not need root and does not run as root. Make a user for it, or pass --allow-root (BURROW_ALLOW_ROOT=1) if this machine has no other.",
    );
  }
}

/** H6: on Windows neither file modes nor Unix sockets hold what Burrow promises about its secrets. */
export function checkPlatform(platform: NodeJS.Platform): void {
  if (platform === "win32") {
    throw new RunRefusedError(
      "Burrow does not run on Windows: its secrets rely on Unix file modes, which Windows does not have. Use WSL, a Linux box, or a phone with Termux.",
    );
  }
}

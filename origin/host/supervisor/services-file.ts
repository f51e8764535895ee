import { statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import type { ListenAddress } from "../../config/config.ts";
import { nearest } from "../../config/nearest.ts";
import { isLoopback, readListenAddress, SettingError } from "../../config/settings.ts";
import { markVariable } from "../process-table.ts";
import { takeFromFile } from "./environment-file.ts";
import type { HealthTarget, Service } from "./service.ts";
import { checkWriters, isWithin, readTrustedFile, ServicesFileError } from "./trusted-file.ts";

export interface ServicesFile {
  /** The owner's own apps. */
  readonly services: readonly Service[];
  /** cloudflared's absolute path, where the file names it. */
  readonly cloudflared: string | undefined;
  /** Values that came from files of secrets: none may appear in a log. */
  readonly secrets: readonly string[];
}

const serviceKeys = [
  "name",
  "command",
  "env",
  "env_file",
  "env_names",
  "cwd",
  "listen",
  "health",
  "start_after",
] as const;
const mostServices = 16;

/** `--services`, else $BURROW_SERVICES, else burrow/services.toml in the user's folder for configuration. */
export function chooseServicesFile(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  const folder = environment["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  return resolve(option ?? (environment["BURROW_SERVICES"] || join(folder, "burrow", "services.toml")));
}

/**
 * What the owner wants to be run (H7). No file means nothing. Throws ServicesFileError with every problem: a file
 * that others may write to, one in the data folder, unknown keys, a listener beyond loopback.
 */
export function readServicesFile(path: string, dataDir: string): ServicesFile {
  const text = readTrustedFile(path, { dataDir });
  if (text === undefined) return { services: [], cloudflared: undefined, secrets: [] };
  const table = parseToml(path, text);
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(`${path}: ${problem}`);
  checkKeys(table, ["service", "cloudflared"], "the file", say);

  const secrets: string[] = [];
  const read = (entry: unknown, index: number) =>
    readService(entry, `service ${index + 1}`, { path, dataDir, secrets, say });
  const entries = table["service"] ?? [];
  if (!Array.isArray(entries)) say("write each service as [[service]].");
  if (Array.isArray(entries) && entries.length > mostServices)
    say(`more than ${mostServices} services: a phone would not keep them running.`);
  const services = (Array.isArray(entries) ? entries : []).flatMap(
    (entry, index) => read(entry, index) ?? [],
  );
  const cloudflared = readCloudflared(table["cloudflared"], dataDir, say);
  checkOrder(services, say);
  if (problems.length > 0) throw new ServicesFileError(problems);
  return { services, cloudflared, secrets };
}

type Say = (problem: string) => void;
type Table = Readonly<Record<string, unknown>>;

function parseToml(path: string, text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ServicesFileError([`${path}, line ${error.line}: ${error.message.split("\n", 1)[0]}`]);
  }
}

function checkKeys(table: Table, known: readonly string[], where: string, say: Say): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    say(`${where} has the unknown key ${key}${meant ? `; is ${meant} meant?` : "."}`);
  }
}

function readService(
  entry: unknown,
  where: string,
  context: { path: string; dataDir: string; secrets: string[]; say: Say },
): Service | undefined {
  if (!isTable(entry)) {
    context.say(`${where} is not a table.`);
    return undefined;
  }
  const name = entry["name"];
  const label = typeof name === "string" ? `the service ${JSON.stringify(name)}` : where;
  let sound = true;
  const say: Say = (problem) => {
    sound = false;
    context.say(`${label}: ${problem}`);
  };
  checkKeys(entry, serviceKeys, "it", say);
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,31}$/.test(name) || name === "origin") {
    say('"name" must be 1 to 32 small letters, digits and dashes, and not "origin".');
  }
  const command = readTexts(entry, "command", say);
  const cwd = entry["cwd"] ?? "/";
  const folder = typeof cwd === "string" && isAbsolute(cwd) ? cwd : undefined;
  if (folder === undefined) say('"cwd" must be an absolute path.');
  checkCommand(command, folder ?? "/", context.dataDir, say);
  const environment = readServiceEnvironment(entry, context, say);
  const listen = readListen(entry["listen"], say);
  const health = readHealth(entry["health"], listen, say);
  const startAfter = readTexts(entry, "start_after", say);
  if (!sound) return undefined;
  return {
    name: name as string,
    command,
    environment,
    cwd: folder as string,
    listen,
    health,
    startAfter,
    dialsOutByUdp: false,
  };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function readTexts(entry: Table, key: string, say: Say): string[] {
  const value = entry[key] ?? [];
  if (Array.isArray(value) && value.every((word) => typeof word === "string" && !word.includes("\0"))) {
    return value as string[];
  }
  say(`"${key}" must be a list of texts, such as ["one", "two"].`);
  return [];
}

/** H7: neither the program nor anything that it is told to read may be what a write into the data folder changes. */
function checkCommand(command: readonly string[], cwd: string, dataDir: string, say: Say): void {
  const program = command[0];
  if (program === undefined) return say('"command" is missing: a list, the program\'s absolute path first.');
  checkProgram(program, dataDir, say);
  const inside = [cwd, ...command.slice(1).flatMap(pathsOf)].find((path) =>
    isWithin(dataDir, resolve(cwd, path)),
  );
  if (inside !== undefined) {
    say(`${inside} lies in the data folder, where a write must never become a command. Keep it elsewhere.`);
  }
}

/** What may be a path in an argument: the whole of it, and what follows `--option=`. */
function pathsOf(argument: string): string[] {
  return [argument, argument.slice(argument.indexOf("=") + 1)].filter((part) => part.includes("/"));
}

function checkProgram(program: string, dataDir: string, say: Say): void {
  if (!isAbsolute(program)) return say(`the program ${program} must be named by its absolute path.`);
  if (isWithin(dataDir, program)) {
    return say(`${program} lies in the data folder, where a write must never become a command.`);
  }
  const found = statSync(program, { throwIfNoEntry: false });
  if (!found?.isFile() || (found.mode & 0o111) === 0) return say(`${program} is no program.`);
  try {
    checkWriters(program, found);
  } catch (error) {
    if (!(error instanceof ServicesFileError)) throw error;
    say(error.message);
  }
}

/** Literal values in `env`; the values of `env_names` come from `env_file`, and nothing else of it. */
function readServiceEnvironment(
  entry: Table,
  context: { path: string; dataDir: string; secrets: string[] },
  say: Say,
): Record<string, string> {
  const { env = {}, env_file: file } = entry;
  const names = readTexts(entry, "env_names", say);
  const environment: Record<string, string> = {};
  if (!isTable(env)) say('"env" must be a table of texts, such as { LANG = "C.UTF-8" }.');
  for (const [name, value] of Object.entries(isTable(env) ? env : {})) {
    if (typeof value === "string" && !value.includes("\0")) environment[name] = value;
    else say(`env.${name} must be a text.`);
  }
  if ((file === undefined) !== (names.length === 0)) say('"env_file" and "env_names" belong together.');
  else if (typeof file === "string") {
    const path = resolve(dirname(context.path), file);
    const taken = takeFromFile(path, names, context.dataDir, say);
    context.secrets.push(...Object.values(taken));
    Object.assign(environment, taken);
  } else if (file !== undefined) say('"env_file" must be a path.');
  for (const name of Object.keys(environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === markVariable)
      say(`${name} cannot be a variable's name here.`);
  }
  return environment;
}

function readListen(value: unknown, say: Say): ListenAddress | undefined {
  if (value === undefined) return undefined;
  try {
    const address = readListenAddress(value);
    if (address.kind === "unix" && !isAbsolute(address.path))
      say('"listen" must name the socket by its absolute path.');
    if (address.kind === "tcp" && address.port === 0) say('"listen" needs a port of its own.');
    return address;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    say(`"listen" ${error.message}.`);
    return undefined;
  }
}

function readHealth(value: unknown, listen: ListenAddress | undefined, say: Say): HealthTarget | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.startsWith("/")) {
    if (listen) return { address: listen, path: value };
    say('"health" is a path only, so "listen" must say where to ask.');
    return undefined;
  }
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (url?.protocol !== "http:" || !isLoopback(host)) {
    say('"health" must be a path such as "/health", or an http URL with a loopback address.');
    return undefined;
  }
  return {
    address: { kind: "tcp", host, port: Number(url.port || 80) },
    path: `${url.pathname}${url.search}`,
  };
}

function readCloudflared(value: unknown, dataDir: string, say: Say): string | undefined {
  if (value === undefined) return undefined;
  if (!isTable(value)) {
    say('write [cloudflared] with binary = "/path/to/cloudflared".');
    return undefined;
  }
  checkKeys(value, ["binary"], "[cloudflared]", say);
  const { binary } = value;
  if (typeof binary !== "string") {
    say("[cloudflared] needs binary, the program's absolute path.");
    return undefined;
  }
  checkProgram(binary, dataDir, (problem) => say(`[cloudflared]: ${problem}`));
  return binary;
}

/** Every name once, every `start_after` known, and no circle: a circle would wait for itself. */
function checkOrder(services: readonly Service[], say: Say): void {
  const known = new Map<string, readonly string[]>([["cloudflared", []]]);
  for (const { name, startAfter } of services) {
    if (known.has(name))
      say(`there are two services ${name}${name === "cloudflared" ? " (one is built in)" : ""}.`);
    known.set(name, startAfter);
  }
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) return say(`${[...path, name].join(" waits for ")}: a circle.`);
    const before = known.get(name);
    if (!before) return say(`${path.at(-1)} starts after ${name}, which there is not.`);
    if (done.has(name)) return;
    done.add(name);
    for (const other of before) visit(other, [...path, name]);
  };
  for (const { name } of services) visit(name, []);
}

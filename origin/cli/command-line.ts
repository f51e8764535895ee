import { type ParseArgsOptionDescriptor, parseArgs } from "node:util";
import { nearest } from "../config/nearest.ts";
import { projectRoot, runningVersion } from "../host/version.ts";
import { diskFaultMessages, diskFaultOf } from "../storage/disk-fault.ts";
import { type Command, type Invocation, UsageError } from "./command.ts";
import { commands } from "./commands.ts";

const globalOptions = {
  data: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const satisfies Record<string, ParseArgsOptionDescriptor>;

/** Errors that explain themselves: their message is the whole answer. Others are mistakes of ours. */
const explained = new Set([
  "CommandError",
  "ConfigError",
  "SecretError",
  "DataFolderError",
  "DataLockError",
  "RunRefusedError",
  "BindError",
  "ExposedListenerError",
  "MembersError",
  "MigrationError",
  "DamagedDatabaseError",
  "CommitError",
  "EdgeKeyError",
  "EdgeStartError",
  "DownloadError",
  "ArchiveError",
  "BackupError",
  "UpdateError",
  "ControlError",
  "ServicesFileError",
  "TomlEditError",
  "RotateError",
]);

/** Why a command did not do what was asked, and the exit code for it: 2 for bad usage, else 1. */
export interface Failure {
  readonly exitCode: 1 | 2;
  readonly message: string;
}

/** Runs what the words say. Resolves with the exit code; never rejects. */
export async function runCommandLine(
  args: string[],
  fail: (failure: Failure) => void,
  ends: Pick<Invocation, "input" | "print"> = standardEnds,
): Promise<number> {
  try {
    return await run(args, ends);
  } catch (error) {
    const exitCode = error instanceof UsageError || isParseError(error) ? 2 : 1;
    fail({ exitCode, message: explain(error) });
    return exitCode;
  }
}

const standardEnds: Pick<Invocation, "input" | "print"> = {
  input: process.stdin,
  print: (text) => void process.stdout.write(text),
};

async function run(args: string[], ends: Pick<Invocation, "input" | "print">): Promise<number> {
  const options = Object.assign({}, ...commands.map((command) => command.options ?? {}), globalOptions);
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
  const given = values as Invocation["options"];
  if (given["version"]) return print(runningVersion);
  const command = findCommand(positionals);
  if (given["help"] || positionals.length === 0) return print(command ? usageOf(command) : overview());
  if (!command) throw new UsageError(unknownCommand(positionals));
  checkUsage(command, given, positionals);
  return await command.run({
    positionals: positionals.slice(command.name.split(" ").length),
    options: given,
    json: given["json"] === true,
    environment: process.env,
    ...ends,
    root: projectRoot,
  });
}

function findCommand(positionals: readonly string[]): Command | undefined {
  const names = [3, 2, 1].map((words) => positionals.slice(0, words).join(" "));
  return commands.find((command) => names.includes(command.name));
}

function checkUsage(command: Command, given: Invocation["options"], positionals: readonly string[]): void {
  const allowed = new Set([...Object.keys(globalOptions), ...Object.keys(command.options ?? {})]);
  for (const name of Object.keys(given)) {
    if (!allowed.has(name))
      throw new UsageError(`"${command.name}" takes no --${name}.\n${usageOf(command)}`);
  }
  const words = positionals.length - command.name.split(" ").length;
  const [least, most] = typeof command.words === "number" ? [command.words, command.words] : command.words;
  if (words < least || words > most) {
    throw new UsageError(
      `${words < least ? "Something is missing" : "That is too much"}.\n${usageOf(command)}`,
    );
  }
}

function unknownCommand(positionals: readonly string[]): string {
  const said = positionals.slice(0, 2).join(" ");
  const group = commands.filter((command) => command.name.startsWith(`${positionals[0]} `));
  if (group.length > 0) {
    return `"${positionals[0]}" needs one of: ${group.map((command) => command.name.slice(`${positionals[0]} `.length)).join(", ")}.`;
  }
  const names = commands.map((command) => command.name);
  const meant = nearest(said, names) ?? nearest(positionals[0] ?? "", names);
  return `There is no command "${positionals[0]}"${meant ? `; is "${meant}" meant?` : "."} "burrow --help" lists them.`;
}

function usageOf(command: Command): string {
  return `Usage: burrow [--data DIR] [--json] ${command.name}${command.usage ? ` ${command.usage}` : ""}\n${command.summary}`;
}

function overview(): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    "Burrow: a home server at the end of a tunnel.",
    "",
    "Usage: burrow [--data DIR] [--json] COMMAND",
    "",
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    "",
    "The data folder is --data, else $BURROW_DATA, else ~/.burrow. --json prints one JSON object.",
    '"burrow COMMAND --help" tells what a command takes.',
  ].join("\n");
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (isParseError(error))
    return `${(error as Error).message.split(". To specify")[0]}. "burrow --help" tells what there is.`;
  if (error instanceof Error && explained.has(error.name)) return error.message;
  const fault = diskFaultOf(error);
  if (fault) return diskFaultMessages[fault];
  return `a mistake in Burrow itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function isParseError(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

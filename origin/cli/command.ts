import type { ParseArgsOptionDescriptor } from "node:util";

/** What every command is given. */
export interface Invocation {
  /** Words after the command's own name. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly json: boolean;
  readonly environment: NodeJS.ProcessEnv;
  /** Standard input, and standard output. */
  readonly input: AsyncIterable<Uint8Array | string>;
  readonly print: (text: string) => void;
  /** The project folder: where wrangler.toml and workers/ are. */
  readonly root: string;
}

export interface Command {
  /** `invite create`: one to three words. */
  readonly name: string;
  /** What follows the name: `NAME --password-stdin`. */
  readonly usage: string;
  readonly summary: string;
  readonly options?: Readonly<Record<string, ParseArgsOptionDescriptor>>;
  /** How many words it takes after its name: exactly so many, or from the first number to the second. */
  readonly words: number | readonly [number, number];
  /** Returns the exit code; throws errors that command-line.ts explains. */
  run(invocation: Invocation): Promise<number>;
}

/** The command was used wrongly: exit 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The command was right and could not be done: exit 1. The message says what to do. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** The option's text, undefined when it was not given. */
export function textOption(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === "string" ? value : undefined;
}

/** Answers on standard output: one JSON object with --json, else the readable lines. */
export function answer(invocation: Invocation, value: object, lines: readonly string[]): void {
  invocation.print(invocation.json ? `${JSON.stringify(value)}\n` : `${lines.join("\n")}\n`);
}

/** `7d`, `12h`, `30m` in milliseconds. Throws UsageError. */
export function readDuration(text: string): number {
  const match = /^(\d{1,5})(m|h|d|w)$/.exec(text);
  const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  const duration = Number(match?.[1]) * (units[match?.[2] ?? ""] ?? Number.NaN);
  if (!(duration > 0))
    throw new UsageError(`"${text}" is no duration. Write a number with m, h, d or w, such as 7d or 12h.`);
  return duration;
}

/** A whole number of at least 1. Throws UsageError. */
export function readCount(text: string, what: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`${what} must be a whole number, 1 or more, not "${text}".`);
  return Number(text);
}

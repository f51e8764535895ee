import { createRedactor, type Redactor } from "./redact.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured lines. `event` is a fixed text that names what happened; what varies goes into fields. An Error in
 * a field is written with its stack. Secrets are blotted out of the finished line.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Makes sure that this value never appears in a line. */
  hide(secret: string): void;
  /** The text as a line of this log would show it: for what leaves the process by another way. */
  redact(text: string): string;
}

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that writes one line an event: JSON for machines, a short readable form for a person at a terminal. */
export function createLog(options: {
  level: LogLevel;
  write: (line: string) => void;
  now: () => number;
  readable?: boolean;
  redactor?: Redactor;
}): Log {
  const redactor = options.redactor ?? createRedactor();
  const least = ranks[options.level];
  const at = (level: LogLevel) => {
    if (ranks[level] < least) return () => {};
    return (event: string, fields: LogFields = {}): void => {
      const time = new Date(options.now()).toISOString();
      const line = options.readable
        ? `${time.slice(11, 19)} ${level.padEnd(5)} ${event} ${readableFields(fields)}`.trimEnd()
        : toJson({ time, level, event, ...fields });
      options.write(`${redactor.redact(line)}\n`);
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    hide: (secret) => redactor.register(secret),
    redact: (text) => redactor.redact(text),
  };
}

/**
 * The process's log, on standard error: standard output belongs to what a command answers. `also` gets each line
 * too.
 */
export function createStderrLog(level: LogLevel, also: (line: string) => void = () => {}): Log {
  return createLog({
    level,
    now: Date.now,
    readable: process.stderr.isTTY,
    write(line) {
      process.stderr.write(line);
      also(line);
    },
  });
}

function readableFields(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => {
      const text = value instanceof Error ? (value.stack ?? value.message) : value;
      return `${name}=${typeof text === "string" ? text : toJson(text)}`;
    })
    .join(" ");
}

/** JSON that never throws: logging must not break what it describes. */
function toJson(value: unknown): string {
  const seen = new WeakSet<object>();
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === "bigint") return part.toString();
      if (part instanceof Error) {
        return { name: part.name, message: part.message, stack: part.stack, cause: part.cause };
      }
      if (typeof part === "object" && part !== null) {
        if (seen.has(part)) return "[again]";
        seen.add(part);
      }
      return part;
    }) ?? "undefined"
  );
}

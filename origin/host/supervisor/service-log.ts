import type { Readable } from "node:stream";
import { setImmediate, setTimeout } from "node:timers/promises";
import { openLogFile } from "../log-file.ts";

/** What a service says, in `logs/NAME.log`: rotated, a line at a time, secrets blotted out. */
export interface ServiceLog {
  /** Takes a stream's lines until it ends. It is read no faster than it is written. */
  attach(stream: Readable): void;
  /** Resolves when everything is written: the streams end with their processes. */
  close(): Promise<void>;
}

/** A line beyond this is cut, after the redactor has seen twice as much: a secret at the cut is not halved. */
const longestLine = 8_192;
const drainMs = 1_000;

export function openServiceLog(options: {
  dataDir: string;
  name: string;
  redact: (line: string) => string;
  now: () => number;
}): ServiceLog {
  const { redact, now } = options;
  const file = openLogFile(options.dataDir, options.name);
  const pumps = new Set<Promise<void>>();

  function write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const time = new Date(now()).toISOString();
    file.write(lines.map((line) => `${time} ${line}\n`).join(""));
  }

  return {
    attach(stream) {
      const pumping = pump(stream, createLineReader(redact), write)
        // The stream was torn off with its process: what came before is written.
        .catch(() => {})
        .finally(() => pumps.delete(pumping));
      pumps.add(pumping);
    },
    async close() {
      // Bounded: a process that slipped out of its tree may hold the stream open.
      await Promise.race([Promise.all(pumps), setTimeout(drainMs, undefined, { ref: false })]);
      file.close();
    },
  };
}

async function pump(
  stream: Readable,
  lines: LineReader,
  write: (lines: readonly string[]) => void,
): Promise<void> {
  stream.setEncoding("utf8");
  try {
    for await (const chunk of stream) {
      write(lines.read(chunk as string));
      // A service that never pauses must not keep the others from their turn.
      await setImmediate();
    }
  } finally {
    write(lines.end());
  }
}

export interface LineReader {
  /** The lines that this piece completes, fit for the log. */
  read(chunk: string): string[];
  end(): string[];
}

/** Cuts a stream into lines, bounded in memory however long a line is, and blots out secrets. */
export function createLineReader(redact: (line: string) => string): LineReader {
  let rest = "";
  let inKey = false;

  function finish(line: string): string[] {
    // A private key comes as many lines, and only its first looks like one.
    const begins = /-----BEGIN [A-Z0-9 ]*-----/.test(line);
    const ends = /-----END [A-Z0-9 ]*-----/.test(line);
    if (inKey) {
      inKey = !ends;
      return [];
    }
    inKey = begins && !ends;
    const text = redact(printable(line));
    return [text.length > longestLine ? `${text.slice(0, longestLine)} …` : text];
  }

  return {
    read(chunk) {
      const pieces = chunk.split("\n");
      const lines: string[] = [];
      for (const [index, piece] of pieces.entries()) {
        rest = (rest + piece).slice(0, 2 * longestLine);
        if (index === pieces.length - 1) break;
        lines.push(...finish(rest));
        rest = "";
      }
      return lines;
    },
    end() {
      const line = rest;
      rest = "";
      return line === "" ? [] : finish(line);
    },
  };
}

/** Escape sequences could rewrite what a terminal shows of the log. */
function printable(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replace(/\r$/, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "·");
}

import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** `logs/origin.log` and its three older ones, 2 MB each: what `burrow diagnostics` takes along. */
const maxBytes = 2_000_000;
const kept = 3;

/**
 * The daemon's log as a file, beside its standard error, which not every device keeps. Takes finished, redacted
 * lines; on a full disk they are lost without a word, and the daemon goes on.
 */
export function openLogFile(dataDir: string, name = "origin"): { write(line: string): void; close(): void } {
  const folder = join(dataDir, "logs");
  const path = join(folder, `${name}.log`);
  let file: number | undefined;
  let size = 0;

  function open(): number {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // A link planted there would let a log line write into any file of ours.
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const opened = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    size = fstatSync(opened).size;
    return opened;
  }

  function close(): void {
    if (file !== undefined) closeSync(file);
    file = undefined;
  }

  function rotate(): void {
    close();
    for (let number = kept; number >= 1; number -= 1) {
      try {
        renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  return {
    write(line) {
      const bytes = Buffer.from(line);
      try {
        file ??= open();
        if (size > 0 && size + bytes.length > maxBytes) {
          rotate();
          file = open();
        }
        size += writeSync(file, bytes);
      } catch {
        close();
      }
    },
    close,
  };
}

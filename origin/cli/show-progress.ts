import type { Invocation } from "./command.ts";

interface Progress {
  readonly show: (progress: { bytes: number; total: number | undefined }) => void;
  readonly end: () => void;
}

/** Shows on a terminal how far something is, in one line that is written over; says nothing elsewhere. */
export function showProgress(invocation: Invocation, what: string): Progress {
  const isShown = process.stderr.isTTY && !invocation.json;
  let shownAt = 0;
  let isOpen = false;
  return {
    show({ bytes, total }) {
      // A terminal on a phone is slow, and nobody reads faster.
      if (!isShown || performance.now() - shownAt < 100) return;
      shownAt = performance.now();
      isOpen = true;
      const of = total === undefined ? "" : ` of ${megabytes(total)}, ${Math.floor((100 * bytes) / total)} %`;
      process.stderr.write(`\r\u{1b}[K${what}: ${megabytes(bytes)}${of}`);
    },
    end() {
      if (isOpen) process.stderr.write("\r\u{1b}[K");
      isOpen = false;
    },
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

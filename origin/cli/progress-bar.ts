/** Shows how far something is, on one line of a terminal; where standard error is none, nothing. */
export interface ProgressBar {
  /** `total` 0: how much there will be is not known. */
  show(label: string, done: number, total: number, unit: "bytes" | "count"): void;
  /** Takes the line away. */
  clear(): void;
}

const width = 24;

export function createProgressBar(stream: NodeJS.WriteStream, isWanted: boolean): ProgressBar {
  const isShown = isWanted && stream.isTTY;
  let drawnAt = 0;
  return {
    show(label, done, total, unit) {
      const now = performance.now();
      if (!isShown || now - drawnAt < 100) return;
      drawnAt = now;
      const amount = unit === "bytes" ? `${(done / 1e6).toFixed(1)} MB` : String(done);
      const filled = Math.round(Math.min(1, done / total) * width);
      const bar = total > 0 ? `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ` : "";
      stream.write(`\r\u001B[K${label}  ${bar}${amount}`);
    },
    clear() {
      if (isShown) stream.write("\r\u001B[K");
    },
  };
}

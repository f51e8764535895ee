/**
 * What a message that arrives costs, from its blob to the mailbox: `node test/bench/mail-parse.ts [RUNS]`. How long it
 * takes, how far the process grows over what it was before the first message, and the longest time in which nobody else
 * had a turn; of several runs the best, since the machine may be busy. Each kind has a process of its own.
 */
import { spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { corpus, withAttachment } from "../apps/mail/torture/corpus.ts";

const samples: readonly (readonly [string, () => Buffer])[] = [
  ["a small one", () => Buffer.from("From: a@example.com\r\nSubject: x\r\n\r\nHello.\r\n")],
  ["24 MB, an attachment", () => withAttachment(17_500_000)],
  ["24 MB, a hundred texts", () => manyTexts(100)],
  ...corpus
    .filter(({ name }) =>
      /^(?:ten thousand|a header of 900|900 parts|250,000|HTML of 100|200,000)/.test(name),
    )
    .map(({ name, raw }) => [name, raw] as const),
];

function manyTexts(count: number): Buffer {
  const words = `${"some words of a long letter ".repeat(3)}\r\n`.repeat(2800);
  const parts = Array.from({ length: count }, () => `--b\r\nContent-Type: text/plain\r\n\r\n${words}\r\n`);
  return Buffer.from(
    `From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join("")}--b--\r\n`,
  );
}

/** In another process: what is measured has never had the messages in its memory. */
function makeFiles(folder: string): void {
  for (const [at, [, raw]] of samples.entries())
    writeFileSync(join(folder, String(at).padStart(3, "0")), raw());
}

async function measure(folder: string, file: string, runs: number): Promise<void> {
  const { openDelivery } = await import("../apps/mail/delivery/open-delivery.ts");
  const cleanups: (() => unknown)[] = [];
  const { arrive, delivery, releaseBlob } = await openDelivery({
    after: (work) => void cleanups.unshift(work),
  });
  const before = process.memoryUsage.rss();
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  let [took, stretch, grown] = [Infinity, Infinity, 0];
  for (let run = 0; run < runs; run += 1) {
    const arrival = await arrive(createReadStream(join(folder, file)), { mailFrom: "", results: "" });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    delay.enable();
    const begun = performance.now();
    await delivery.deliver(arrival, () => void releaseBlob.run(arrival.hash));
    took = Math.min(took, performance.now() - begun);
    delay.disable();
    clearInterval(watch);
    stretch = Math.min(stretch, Math.max(0, delay.max / 1e6 - 1));
    grown = Math.max(grown, peak, process.memoryUsage.rss());
  }
  const [name = ""] = samples[Number(file)] ?? [];
  print(
    `${name.padEnd(34)} ${took.toFixed(0).padStart(6)} ms   +${((grown - before) / 1e6).toFixed(0).padStart(4)} MB   longest stretch ${stretch.toFixed(0).padStart(4)} ms`,
  );
  for (const cleanup of cleanups) await cleanup();
}

const [first = "3", folderToUse, file] = process.argv.slice(2);
function again(...words: string[]): void {
  // As bin/burrow has it.
  const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_ARENA_MAX: "2" };
  const flags = ["--max-semi-space-size=4", "--no-parallel-scavenge"];
  const program = fileURLToPath(import.meta.url);
  spawnSync(process.execPath, [...flags, program, ...words], { stdio: "inherit", env });
}
if (first === "--make" && folderToUse !== undefined) {
  makeFiles(folderToUse);
} else if (folderToUse !== undefined && file !== undefined) {
  await measure(folderToUse, file, Number(first));
} else {
  const folder = mkdtempSync(join(tmpdir(), "burrow-mail-"));
  again("--make", folder);
  for (const name of readdirSync(folder).toSorted()) again(first, folder, name);
  rmSync(folder, { recursive: true });
}

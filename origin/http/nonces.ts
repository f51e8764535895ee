import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { PROOF_WINDOW_SECONDS } from "../../shared/edge-proof.ts";

/** What the memory says of a nonce: never seen; seen before; or too old for the memory to know. */
export type NonceVerdict = "fresh" | "replayed" | "stale";

/** The replay memory. */
export interface Nonces {
  /** Notes the nonce of an authentic signature. `created` is the signature's, in unix seconds. */
  remember(nonce: string, created: number): NonceVerdict;
  close(): void;
}

export interface NoncesOptions {
  /** A folder of its own; made when it is not there. */
  folder: string;
  /** Unix milliseconds. */
  now: () => number;
  /** Nonces that one generation holds at most. */
  capacity?: number;
  /** The kernel's boot id, undefined where it cannot be read. */
  bootId?: () => string | undefined;
}

interface Generation {
  fd: number;
  startedAt: number;
  /** Nonce → `created` of its signature, in unix seconds. */
  nonces: Map<string, number>;
}

// A signature is good from 60 s before to 60 s after `created`: what was seen 120 s ago can no longer be replayed.
const GENERATION_MS = 2 * PROOF_WINDOW_SECONDS * 1000;
const CAPACITY = 500_000;
const FILES = ["nonces-a", "nonces-b"] as const;
const HEADER = /^nonces ([0-9]{1,15})$/;
const BOOT = /^([^\n]+)\n([0-9]{1,12})\n$/;
const LINE = /^[A-Za-z0-9_-]{22} ([0-9]{1,12})$/;

/**
 * Opens the replay memory: the last two generations of nonces, each also a file to which a nonce is appended before its
 * request is acted on. A killed process loses nothing so, for the page cache is the kernel's; a reboot may, so after
 * one (or after damage) every signature created before this start is stale.
 *
 * @throws Error of node:fs when the folder cannot be used.
 */
export function openNonces(options: NoncesOptions): Nonces {
  const { folder, now } = options;
  const capacity = options.capacity ?? CAPACITY;
  const bootFile = join(folder, "boot");
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const boot = (options.bootId ?? readBootId)();
  const paths = FILES.map((name) => join(folder, name));
  const loaded = paths.map(readGeneration);
  const isNew = !existsSync(bootFile) && paths.every((path) => !existsSync(path));
  const known = readBootRecord(bootFile);
  const sameBoot = boot !== undefined && known?.boot === boot;
  const whole = loaded.every((generation) => typeof generation === "object");
  /** Signatures created at or before this second are stale. Kept beside the boot: a second start must know it, too. */
  let barrier = isNew ? 0 : sameBoot && whole ? known.barrier : Math.floor(now() / 1000);

  /**
   * Runs a write to the files. Where it fails (a full disk) memory still holds what it was to hold, and without the boot
   * record the next start trusts no file of this one. False when not even that can be arranged.
   */
  function record(write: () => void): boolean {
    try {
      write();
      return true;
    } catch {
      try {
        rmSync(bootFile, { force: true });
        return true;
      } catch {
        return false;
      }
    }
  }

  let [previous, current] = loaded
    .map((generation, index) => reopen(paths[index] ?? "", generation))
    .toSorted((a, b) => a.startedAt - b.startedAt) as [Generation, Generation];
  let begun = true;
  if (current.startedAt === 0) {
    current.startedAt = now();
    begun = record(() => beginFile(current));
  }
  // Last, so that a start cut short counts as damage; and never for files that were not begun.
  if (begun) record(recordBoot);

  function recordBoot(): void {
    replaceFile(bootFile, `${boot ?? "unknown"}\n${barrier}\n`);
  }

  /** Puts the current generation in the place of the previous one, whose still usable signatures must not come back. */
  function rotate(time: number): void {
    const second = Math.floor(time / 1000);
    const early = time - current.startedAt < GENERATION_MS;
    const next: Generation = { fd: previous.fd, startedAt: time, nonces: new Map() };
    for (const [nonce, created] of previous.nonces) {
      if (created < second - PROOF_WINDOW_SECONDS) continue;
      if (early && created <= second) barrier = Math.max(barrier, created);
      // Signed while the clock was ahead of what it is now: kept until their time has come and gone.
      else if (next.nonces.size < capacity / 2) next.nonces.set(nonce, created);
    }
    if (early) record(recordBoot);
    record(() => beginFile(next));
    [previous, current] = [current, next];
  }

  return {
    remember(nonce, created) {
      const time = now();
      // A clock set back must neither keep a generation for hours, nor make what is signed from now on stale.
      if (time < current.startedAt) current.startedAt = time;
      barrier = Math.min(barrier, Math.floor(time / 1000));
      if (time - current.startedAt >= GENERATION_MS || current.nonces.size >= capacity) rotate(time);
      if (current.nonces.has(nonce) || previous.nonces.has(nonce)) return "replayed";
      if (created <= barrier) return "stale";
      current.nonces.set(nonce, created);
      return record(() => appendLine(current.fd, formatLine(nonce, created))) ? "fresh" : "stale";
    },
    close() {
      closeSync(previous.fd);
      closeSync(current.fd);
    },
  };
}

function beginFile({ fd, startedAt, nonces }: Generation): void {
  // The same descriptor is kept for good: a rotation must not fail for want of one.
  ftruncateSync(fd, 0);
  const lines = [...nonces].map(([nonce, created]) => formatLine(nonce, created));
  appendLine(fd, `nonces ${Math.floor(startedAt)}\n${lines.join("")}`);
}

function formatLine(nonce: string, created: number): string {
  return `${nonce} ${created}\n`;
}

function appendLine(fd: number, line: string): void {
  if (writeSync(fd, line, null, "latin1") !== line.length) throw new Error("the nonce was not written whole");
}

function reopen(file: string, loaded: LoadedGeneration | "absent" | "damaged"): Generation {
  const fd = openSync(file, "a", 0o600);
  if (typeof loaded === "object") return { fd, ...loaded };
  ftruncateSync(fd, 0);
  return { fd, startedAt: 0, nonces: new Map() };
}

type LoadedGeneration = Pick<Generation, "startedAt" | "nonces">;

function readGeneration(file: string): LoadedGeneration | "absent" | "damaged" {
  const text = readText(file);
  if (text === undefined) return "absent";
  // Not yet begun, or emptied for a new generation just before the process ended: it held nothing that counts.
  if (text === "") return { startedAt: 0, nonces: new Map() };
  const lines = text.split("\n");
  // The last piece is what follows the last line end: anything there is a torn line.
  const torn = lines.pop();
  const header = HEADER.exec(lines.shift() ?? "");
  if (torn !== "" || header === null) return "damaged";
  const generation = { startedAt: Number(header[1]), nonces: new Map<string, number>() };
  for (const line of lines) {
    const match = LINE.exec(line);
    if (match === null) return "damaged";
    generation.nonces.set(line.slice(0, 22), Number(match[1]));
  }
  return generation;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

function readBootRecord(file: string): { boot: string; barrier: number } | undefined {
  const match = BOOT.exec(readText(file) ?? "");
  return match ? { boot: match[1] ?? "", barrier: Number(match[2]) } : undefined;
}

function readBootId(): string | undefined {
  return readText("/proc/sys/kernel/random/boot_id")?.trim();
}

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "./temporary-folder.ts";

/** A real file system of a few megabytes, in a mount namespace of its own that ends with the test. */
export interface SmallDisk {
  /** Its path for processes that are started `within`. */
  readonly path: string;
  /** The same place for this process. SQLite does not follow it: its databases are for those within. */
  readonly seen: string;
  /** The command that starts another one where the disk is mounted. */
  readonly within: readonly string[];
  /** Takes all room but so many bytes (whole pages). */
  fill(leave?: number): void;
  /** Gives back what `fill` took. */
  free(): void;
  remount(how: "ro" | "rw"): void;
}

const page = 4096;

/** The mounted disk, or why there can be none here: it needs root, or user namespaces. */
export async function mountSmallDisk(
  t: { after(work: () => unknown): void },
  options: {
    bytes: number;
    /** `mqueue` has files, and neither renames nor fsync. */
    type?: "tmpfs" | "mqueue";
  },
): Promise<SmallDisk | { readonly missing: string }> {
  if (process.platform !== "linux") return { missing: "mounts are tried on Linux only" };
  const isRoot = process.getuid?.() === 0;
  const path = join(temporaryFolder(t), "disk");
  mkdirSync(path);
  const { bytes, type = "tmpfs" } = options;
  const mount = type === "tmpfs" ? `-t tmpfs -o mode=700,size=${bytes}` : `-t ${type}`;
  const script = `mount ${mount} none "$1" && echo ready && exec cat`;
  // Message queues belong to an IPC namespace: one of its own, without the machine's.
  const spaces = [isRoot ? "-m" : "-rm", ...(type === "mqueue" ? ["-i"] : [])];
  const holder = spawn("unshare", [...spaces, "sh", "-c", script, "sh", path], { stdio: "pipe" });
  let said = "";
  holder.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const ended = new Promise<void>((resolve) => {
    holder.once("error", (error) => {
      said += error.message;
      resolve();
    });
    holder.once("close", () => resolve());
  });
  const ready = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  if (!ready) return { missing: `no mount namespace here (${said.trim()})` };
  t.after(async () => {
    holder.stdin.end();
    await ended;
  });
  return openDisk(holder, path, isRoot);
}

function openDisk(holder: ChildProcess, path: string, isRoot: boolean): SmallDisk | { missing: string } {
  const target = ["-t", String(holder.pid), "-m"];
  const within = ["nsenter", ...target, ...(isRoot ? [] : ["-U", "--preserve-credentials"])];
  const run = (...words: string[]) =>
    spawnSync(within[0] ?? "", [...within.slice(1), ...words], { encoding: "utf8" });
  const tried = run("true");
  if (tried.status !== 0) return { missing: `nsenter does not work here (${tried.stderr.trim()})` };
  const seen = join(`/proc/${holder.pid}/root`, path);
  const filler = join(seen, "filler");
  return {
    path,
    seen,
    within,
    fill(leave = 0) {
      const file = openSync(filler, "a");
      try {
        const { bavail, bsize } = statfsSync(seen);
        const bytes = Math.max(0, bavail * bsize - leave);
        for (let left = bytes; left > 0; ) left -= writeSync(file, Buffer.alloc(Math.min(left, 256 * page)));
      } catch (error) {
        // A process within may still be writing: what it took since the count is room that nobody needs to fill.
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remount(how) {
      // Of the mount, not of the file system: in a user namespace the latter's own options cannot be given again.
      const done = run("mount", "-o", `remount,bind,${how}`, path);
      if (done.status !== 0) throw new Error(done.stderr);
    },
  };
}

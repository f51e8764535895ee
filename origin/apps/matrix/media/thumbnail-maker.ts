import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ThumbnailJob, ThumbnailReply } from "./thumbnail-job.ts";

export interface MadeThumbnail {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Why there is no thumbnail: no library here, too many waiting, a picture that cannot be read or takes too much. */
export class ThumbnailError extends Error {
  override name = "ThumbnailError";
  readonly code: "unavailable" | "busy" | "unreadable" | "too-costly";
  constructor(code: ThumbnailError["code"]) {
    super(code);
    this.code = code;
  }
}

/**
 * Makes thumbnails in a process of its own, one after another. It starts with the first and ends when there was none for
 * a while: a server whose members look at text pays nothing for it, and what a decoder does wrong it does elsewhere.
 */
export interface ThumbnailMaker {
  /** Throws ThumbnailError. */
  make(job: Omit<ThumbnailJob, "id">): Promise<MadeThumbnail>;
  close(): void;
}

export interface ThumbnailLimits {
  /** For one thumbnail, the start of the process included. */
  readonly longestMs: number;
  /** Resident memory of the process. */
  readonly mostBytes: number;
}

/** A phone is several times slower than a desk's machine. The largest picture that is decoded takes half of the memory. */
const usualLimits: ThumbnailLimits = { longestMs: 20_000, mostBytes: 512 * 1024 * 1024 };
const mostWaiting = 32;
const idleMs = 15_000;
const watchMs = 50;
/** After the library was found missing, it is looked for again. */
const retryMs = 60 * 60 * 1000;

interface Task {
  readonly job: ThumbnailJob;
  readonly resolve: (made: MadeThumbnail) => void;
  readonly reject: (error: ThumbnailError) => void;
}

export function createThumbnailMaker(limits = usualLimits): ThumbnailMaker {
  const waiting: Task[] = [];
  let current: { task: Task; watch: NodeJS.Timeout } | undefined;
  let child: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let unavailableUntil = -Infinity;
  let ids = 0;

  function settle(outcome: MadeThumbnail | ThumbnailError["code"]): void {
    if (!current) return;
    const { task, watch } = current;
    clearInterval(watch);
    current = undefined;
    if (typeof outcome === "string") task.reject(new ThumbnailError(outcome));
    else task.resolve(outcome);
  }

  function start(): ChildProcess {
    // Sources run as they are (.ts), the built form beside its own (.js).
    const file = import.meta.url.endsWith(".ts") ? "./thumbnail-child.ts" : "./thumbnail-child.js";
    const libraries = process.env["LD_LIBRARY_PATH"];
    const started = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      // It may read, and nothing else: no writing, no process or thread of its own.
      execArgv: ["--permission", "--allow-addons", "--allow-fs-read=*", "--max-old-space-size=64"],
      env: { MALLOC_ARENA_MAX: "2", ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }) },
      cwd: "/",
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const isMine = (): boolean => child === started;
    let isReady = false;
    started.on("message", (reply: ThumbnailReply) => {
      if (!isMine()) return;
      if (reply.kind === "unavailable") giveUp();
      if (reply.kind === "ready") isReady = true;
      if (reply.kind === "ready" || reply.kind === "unavailable") return;
      if (reply.id !== current?.task.job.id) return;
      settle(reply.kind === "made" ? { type: reply.type, bytes: reply.bytes } : "unreadable");
      next();
    });
    const gone = (): void => {
      if (!isMine()) return;
      child = undefined;
      // It never came to look at a picture: this machine cannot run it.
      if (!isReady && !started.killed) {
        giveUp();
        return;
      }
      settle("too-costly");
      next();
    };
    started.on("exit", gone);
    started.on("error", gone);
    return started;
  }

  function giveUp(): void {
    unavailableUntil = performance.now() + retryMs;
    end();
    settle("unavailable");
    for (const { reject } of waiting.splice(0)) reject(new ThumbnailError("unavailable"));
  }

  function end(): void {
    const ending = child;
    child = undefined;
    clearTimeout(idle);
    ending?.kill("SIGKILL");
  }

  function next(): void {
    if (current) return;
    clearTimeout(idle);
    const task = waiting.shift();
    if (!task) {
      // Neither it nor the wait for it keeps a stopping daemon.
      child?.unref();
      child?.channel?.unref();
      idle = setTimeout(end, idleMs).unref();
      return;
    }
    child ??= start();
    child.ref();
    child.channel?.ref();
    const watched = child;
    const deadline = performance.now() + limits.longestMs;
    const watch = setInterval(() => {
      if (performance.now() > deadline || residentBytes(watched.pid) > limits.mostBytes)
        watched.kill("SIGKILL");
    }, watchMs);
    current = { task, watch };
    child.send(task.job);
  }

  return {
    make(job) {
      if (performance.now() < unavailableUntil) return Promise.reject(new ThumbnailError("unavailable"));
      if (waiting.length >= mostWaiting) return Promise.reject(new ThumbnailError("busy"));
      return new Promise((resolve, reject) => {
        waiting.push({ job: { ...job, id: (ids += 1) }, resolve, reject });
        next();
      });
    },
    close() {
      for (const { reject } of waiting.splice(0)) reject(new ThumbnailError("busy"));
      settle("busy");
      end();
    },
  };
}

/** 0 where the system does not tell. */
function residentBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

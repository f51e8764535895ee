import { Worker } from "node:worker_threads";
import { type Message, UnreadableMessageError } from "./message.ts";

/** Reads messages in a thread of its own, one after another, with limits on its memory and time. */
export interface MessageReader {
  /** The file's path, or the bytes themselves. Throws UnreadableMessageError. */
  read(source: string | Uint8Array): Promise<Message>;
  close(): Promise<void>;
}

export interface ReadRequest {
  readonly id: number;
  readonly source: string | Uint8Array;
}

export type ReadReply =
  | { readonly id: number; readonly message: Message }
  | { readonly id: number; readonly fault: { code: UnreadableMessageError["code"]; message: string } };

export interface ReaderLimits {
  /** For one message. A phone takes several times as long as a desk's machine. */
  readonly longestMs: number;
  readonly mostMegabytes: number;
}

const usualLimits: ReaderLimits = { longestMs: 60_000, mostMegabytes: 96 };
/** The thread ends when there was nothing to read for so long: it holds some megabytes. */
const idleMs = 30_000;

interface Task {
  readonly source: string | Uint8Array;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: UnreadableMessageError) => void;
}

export function createMessageReader(limits = usualLimits): MessageReader {
  const waiting: Task[] = [];
  let current: { id: number; task: Task; watch: NodeJS.Timeout } | undefined;
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let ids = 0;
  let closed = false;

  function start(): Worker {
    // Sources run as they are (.ts), the built form beside its own (.js).
    const file = import.meta.url.endsWith(".ts") ? "./reader-thread.ts" : "./reader-thread.js";
    const thread = new Worker(new URL(file, import.meta.url), {
      // L3: nothing that it could tell.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.mostMegabytes, maxYoungGenerationSizeMb: 8 },
    });
    thread.unref();
    thread.on("message", (reply: ReadReply) => {
      if (reply.id !== current?.id) return;
      if ("message" in reply) settle((task) => task.resolve(reply.message));
      else settle((task) => task.reject(new UnreadableMessageError(reply.fault.code, reply.fault.message)));
    });
    // Out of memory ends the thread and nothing else.
    thread.on("error", () => giveUp(thread));
    thread.on("exit", () => giveUp(thread));
    return thread;
  }

  function giveUp(thread: Worker): void {
    if (thread !== worker) return;
    worker = undefined;
    void thread.terminate();
    settle((task) => task.reject(tooCostly()));
  }

  function settle(tell: (task: Task) => void): void {
    const settled = current;
    if (!settled) return;
    current = undefined;
    clearTimeout(settled.watch);
    tell(settled.task);
    next();
  }

  function next(): void {
    if (current) return;
    const task = waiting.shift();
    if (!task) {
      worker?.unref();
      idle = setTimeout(end, idleMs).unref();
      return;
    }
    clearTimeout(idle);
    const thread = (worker ??= start());
    thread.ref();
    const id = (ids += 1);
    const watch = setTimeout(() => giveUp(thread), limits.longestMs);
    current = { id, task, watch };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    thread.postMessage({ id, source: task.source } satisfies ReadRequest);
  }

  function end(): void {
    const thread = worker;
    worker = undefined;
    void thread?.terminate();
  }

  return {
    read: (source) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(tooCostly());
        waiting.push({ source, resolve, reject });
        next();
      }),
    async close() {
      closed = true;
      clearTimeout(idle);
      for (const task of waiting.splice(0)) task.reject(tooCostly());
      const thread = worker;
      if (thread) giveUp(thread);
      await thread?.terminate();
    },
  };
}

const tooCostly = (): UnreadableMessageError =>
  new UnreadableMessageError("too-costly", "Reading the message took more time or memory than one may.");

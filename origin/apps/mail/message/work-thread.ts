import { Worker } from "node:worker_threads";

/** A thread that does one piece of work after another, with limits on its memory and time. */
export interface WorkThread<Work, Result> {
  /**
   * Rejects with what `tooCostly` makes where the limits are passed, with what `faultOf` makes of an error of the work's,
   * with ThreadClosedError, and with the system's error where the thread cannot begin.
   */
  run(work: Work): Promise<Result>;
  close(): Promise<void>;
}

export interface ThreadFault {
  readonly code: string | undefined;
  readonly message: string;
}

/** What a thread is sent, and what it says back: the work's result, or a question in the midst of it. */
export type ThreadRequest<Work> =
  | { readonly id: number; readonly work: Work }
  | { readonly question: number; readonly answer?: unknown; readonly fault?: ThreadFault };
export type ThreadReply<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly fault: ThreadFault }
  | { readonly question: number; readonly asked: unknown };

export interface ThreadLimits {
  /** For one piece of work. A phone takes several times as long as a desk's machine. */
  readonly longestMs: number;
  readonly mostMegabytes: number;
}

export interface WorkThreadOptions {
  /** The module, as a source (.ts); where the build runs, the module beside it (.js). */
  readonly file: URL;
  readonly limits: ThreadLimits;
  readonly tooCostly: () => Error;
  readonly faultOf: (fault: ThreadFault) => Error;
  /** Answers what the thread asks in the midst of its work: it has no network of its own, and no secrets. */
  readonly answer?: (asked: unknown) => Promise<unknown>;
}

/** The daemon stops: the same work may be done when it runs again. */
export class ThreadClosedError extends Error {
  override name = "ThreadClosedError";
  constructor() {
    super("Burrow is stopping.");
  }
}

/** The thread ends when there was nothing to do for so long: it holds some megabytes. */
const idleMs = 30_000;

interface Task<Work, Result> {
  readonly work: Work;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

export function createWorkThread<Work, Result>(options: WorkThreadOptions): WorkThread<Work, Result> {
  const { limits, tooCostly, faultOf } = options;
  // Sources run as they are (.ts), the built form beside its own (.js).
  const file = import.meta.url.endsWith(".ts")
    ? options.file
    : new URL(options.file.href.replace(/\.ts$/, ".js"));
  const waiting: Task<Work, Result>[] = [];
  let current: { id: number; task: Task<Work, Result>; watch: NodeJS.Timeout } | undefined;
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let ids = 0;
  let closed = false;

  function start(): Worker {
    const thread = new Worker(file, {
      // L3: nothing that it could tell.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.mostMegabytes, maxYoungGenerationSizeMb: 3 },
    });
    thread.unref();
    thread.on("message", (reply: ThreadReply<Result>) => {
      if ("question" in reply) void answerQuestion(thread, reply);
      else if (reply.id !== current?.id) return;
      else if ("result" in reply) settle((task) => task.resolve(reply.result));
      else settle((task) => task.reject(faultOf(reply.fault)));
    });
    // Out of memory ends the thread and nothing else. That it could not begin (no room, no file handles) is no work's doing.
    thread.on("error", (error: NodeJS.ErrnoException) => {
      const isOurs = error.code !== undefined && error.code !== "ERR_WORKER_OUT_OF_MEMORY";
      giveUp(thread, isOurs ? error : undefined);
    });
    thread.on("exit", () => giveUp(thread));
    return thread;
  }

  async function answerQuestion(thread: Worker, asking: { question: number; asked: unknown }): Promise<void> {
    const { question, asked } = asking;
    try {
      say(thread, { question, answer: await options.answer?.(asked) });
    } catch (error) {
      say(thread, { question, fault: { code: (error as { code?: string }).code, message: String(error) } });
    }
  }

  function say(thread: Worker, request: ThreadRequest<Work>): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    thread.postMessage(request);
  }

  function giveUp(thread: Worker, fault?: Error): void {
    if (thread !== worker) return;
    worker = undefined;
    void thread.terminate();
    settle((task) => task.reject(closed ? new ThreadClosedError() : (fault ?? tooCostly())));
  }

  function settle(tell: (task: Task<Work, Result>) => void): void {
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
    say(thread, { id, work: task.work });
  }

  function end(): void {
    const thread = worker;
    worker = undefined;
    void thread?.terminate();
  }

  return {
    run: (work) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new ThreadClosedError());
        waiting.push({ work, resolve, reject });
        next();
      }),
    async close() {
      closed = true;
      clearTimeout(idle);
      for (const task of waiting.splice(0)) task.reject(new ThreadClosedError());
      const thread = worker;
      if (thread) giveUp(thread);
      await thread?.terminate();
    },
  };
}

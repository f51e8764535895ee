import { Worker } from "node:worker_threads";

/**
 * Work on what strangers wrote, in a thread of its own, one task after another: it can neither hold the daemon up nor
 * take its memory. The thread is started by the first task, and ends when there was none for a while.
 */
export interface TaskThread<Request, Answer> {
  /** Rejects with TaskThreadError where the task took too much, or the thread is closed; else with TaskFault. */
  run(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

export interface ThreadLimits {
  /** For one task. A phone takes several times as long as a desk's machine. */
  readonly longestMs: number;
  readonly mostMegabytes: number;
}

/** The task took more time or memory than one may, or the thread was closed: then a later try may succeed. */
export class TaskThreadError extends Error {
  override name = "TaskThreadError";
  readonly code: "too-costly" | "closed";
  constructor(code: TaskThreadError["code"]) {
    super(code === "closed" ? "Burrow is stopping." : "It took more time or memory than one may.");
    this.code = code;
  }
}

/** What the work itself threw in its thread. */
export class TaskFault extends Error {
  override name = "TaskFault";
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** What goes to the thread, and what comes back: see `serve-tasks.ts`. */
export type ToThread =
  | { readonly task: number; readonly request: unknown }
  | { readonly question: number; readonly answer?: unknown; readonly fault?: Fault };
export type FromThread =
  | { readonly task: number; readonly answer: unknown }
  | { readonly task: number; readonly fault: Fault }
  | { readonly question: number; readonly asked: unknown };
export interface Fault {
  readonly message: string;
  readonly code: string | undefined;
}

/** Without a task for so long the thread ends: it holds some megabytes. */
const idleMs = 30_000;

interface Task<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export function createTaskThread<Request, Answer>(options: {
  /** The thread's module, as it is called beside the caller's: `./reader-thread`, and the caller's `import.meta.url`. */
  readonly module: string;
  readonly from: string;
  readonly limits: ThreadLimits;
  /** Answers what the thread asks: it has no network, no files of the daemon's and no secrets. */
  readonly answer?: (asked: unknown) => Promise<unknown>;
}): TaskThread<Request, Answer> {
  const { module, from, limits } = options;
  const waiting: Task<Request, Answer>[] = [];
  let current: { id: number; task: Task<Request, Answer>; watch: NodeJS.Timeout } | undefined;
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let ids = 0;
  let closed = false;

  function start(): Worker {
    // Sources run as they are (.ts), the built form beside its own (.js).
    const file = `${module}${from.endsWith(".ts") ? ".ts" : ".js"}`;
    const thread = new Worker(new URL(file, from), {
      // L3: nothing that it could tell.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.mostMegabytes, maxYoungGenerationSizeMb: 8 },
    });
    thread.unref();
    thread.on("message", (said: FromThread) => {
      if ("question" in said) void answerQuestion(thread, said);
      else if (said.task !== current?.id) return;
      else if ("answer" in said) settle(({ resolve }) => resolve(said.answer as Answer));
      else settle(({ reject }) => reject(new TaskFault(said.fault.message, said.fault.code)));
    });
    // Out of memory ends the thread and nothing else.
    thread.on("error", () => giveUp(thread));
    thread.on("exit", () => giveUp(thread));
    return thread;
  }

  async function answerQuestion(thread: Worker, { question, asked }: { question: number; asked: unknown }) {
    try {
      say(thread, { question, answer: await options.answer?.(asked) });
    } catch (error) {
      say(thread, { question, fault: { message: String(error), code: (error as { code?: string }).code } });
    }
  }

  function giveUp(thread: Worker): void {
    if (thread !== worker) return;
    worker = undefined;
    void thread.terminate();
    settle((task) => task.reject(new TaskThreadError(closed ? "closed" : "too-costly")));
  }

  function settle(tell: (task: Task<Request, Answer>) => void): void {
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
    say(thread, { task: id, request: task.request });
  }

  function end(): void {
    const thread = worker;
    worker = undefined;
    void thread?.terminate();
  }

  return {
    run: (request) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new TaskThreadError("closed"));
        waiting.push({ request, resolve, reject });
        next();
      }),
    async close() {
      closed = true;
      clearTimeout(idle);
      for (const task of waiting.splice(0)) task.reject(new TaskThreadError("closed"));
      const thread = worker;
      if (thread) giveUp(thread);
      await thread?.terminate();
    },
  };
}

function say(thread: Worker, message: ToThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  thread.postMessage(message);
}

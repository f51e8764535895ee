import { parentPort } from "node:worker_threads";
import type { Fault, FromThread, ToThread } from "./task-thread.ts";

/** The thread's side of `task-thread.ts`: does `work` for each task. `ask` puts a question to the daemon. */
export function serveTasks<Request, Answer>(
  work: (request: Request, ask: (question: unknown) => Promise<unknown>) => Promise<Answer>,
): void {
  const questions = new Map<number, (said: { answer?: unknown; fault?: Fault }) => void>();
  let asked = 0;

  function ask(question: unknown): Promise<unknown> {
    const id = (asked += 1);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    questions.set(id, ({ answer, fault }) => {
      if (fault) reject(Object.assign(new Error(fault.message), { code: fault.code }));
      else resolve(answer);
    });
    say({ question: id, asked: question });
    return promise;
  }

  async function run(task: number, request: Request): Promise<void> {
    try {
      say({ task, answer: await work(request, ask) });
    } catch (error) {
      say({ task, fault: { message: String(error), code: (error as { code?: string }).code } });
    }
  }

  parentPort?.on("message", (said: ToThread) => {
    if ("task" in said) return void run(said.task, said.request as Request);
    questions.get(said.question)?.(said);
    questions.delete(said.question);
  });
}

function say(message: FromThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort?.postMessage(message);
}

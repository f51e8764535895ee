import { parentPort } from "node:worker_threads";
import type { ThreadFault, ThreadReply, ThreadRequest } from "./work-thread.ts";

/**
 * The thread's own side of `createWorkThread`: does each piece of work, and says what came of it. `ask` puts a question
 * to the daemon.
 */
export function answerWork<Work, Result>(
  doWork: (work: Work, ask: (asked: unknown) => Promise<unknown>) => Promise<Result> | Result,
): void {
  const questions = new Map<number, (told: { answer?: unknown; fault?: ThreadFault }) => void>();
  let asking = 0;

  function say(reply: ThreadReply<Result>): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    parentPort?.postMessage(reply);
  }

  function ask(asked: unknown): Promise<unknown> {
    const question = (asking += 1);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    questions.set(question, ({ answer, fault }) => {
      if (fault) reject(Object.assign(new Error(fault.message), { code: fault.code }));
      else resolve(answer);
    });
    say({ question, asked });
    return promise;
  }

  async function perform(id: number, work: Work): Promise<void> {
    try {
      say({ id, result: await doWork(work, ask) });
    } catch (error) {
      say({ id, fault: { code: (error as { code?: string }).code, message: String(error) } });
    }
  }

  parentPort?.on("message", (request: ThreadRequest<Work>) => {
    if ("work" in request) {
      void perform(request.id, request.work);
      return;
    }
    questions.get(request.question)?.(request);
    questions.delete(request.question);
  });
}

import { parentPort } from "node:worker_threads";
import type { ThreadReply, ThreadRequest } from "./work-thread.ts";

/** The thread's own side of `createWorkThread`: does each piece of work, and says what came of it. */
export function answerWork<Work, Result>(doWork: (work: Work) => Promise<Result> | Result): void {
  const say = (reply: ThreadReply<Result>): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    parentPort?.postMessage(reply);
  };
  const answer = async ({ id, work }: ThreadRequest<Work>): Promise<void> => {
    try {
      say({ id, result: await doWork(work) });
    } catch (error) {
      say({ id, fault: { code: (error as { code?: string }).code, message: String(error) } });
    }
  };
  parentPort?.on("message", (request: ThreadRequest<Work>) => void answer(request));
}

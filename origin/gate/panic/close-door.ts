import type { ServerResponse } from "node:http";
import { isMatrixPath, MATRIX_CORS, type Complaint } from "../../../shared/answers.ts";
import { PANIC_RETRY_AFTER, panicRefusal } from "../../../shared/panic.ts";
import type { Dispatch } from "../../http/dispatch.ts";
import { complaintResponse } from "../../http/errors.ts";
import type { PanicLatch } from "./panic-latch.ts";

/** An answer under way. */
interface Open {
  readonly outgoing: ServerResponse;
  readonly asked: Asked;
  /** Answers in the app's place, where the app has not yet. */
  readonly answer: (response: Response) => void;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly app: string | undefined;
  readonly accept: string | null;
}

/**
 * The door before every app: nobody passes whom the latch shuts out, and what is under way when it falls ends at once.
 * A long-poll gets the answer that a new request would get; a stream, whose head is out, is cut.
 */
export function closeDoor(options: {
  dispatch: Dispatch;
  panic: Pick<PanicLatch, "level" | "onChange">;
  hosts: ReadonlyMap<string, string>;
}): Dispatch {
  const { dispatch, panic, hosts } = options;
  const opened = new Set<Open>();

  panic.onChange((level) => {
    for (const { outgoing, asked, answer } of opened) {
      const refusal = panicRefusal(level, asked);
      // Who is in stays in while only signing in is closed: a sign-in under way is refused by the members' domain.
      if (refusal === undefined || level === "logins") continue;
      if (outgoing.headersSent) outgoing.destroy();
      else answer(refuse(refusal, asked));
    }
  });

  return function dispatchThroughDoor(request, env) {
    const { method = "", url = "", headers } = env.incoming;
    const asked: Asked = {
      method,
      path: url.split("?", 1)[0] ?? "",
      app: hosts.get(env.context.client.host),
      accept: headers.accept ?? null,
    };
    const refusal = panicRefusal(panic.level(), asked);
    if (refusal !== undefined) return refuse(refusal, asked);
    const answer = Promise.resolve(dispatch(request, env));
    const { outgoing } = env;
    return new Promise((resolve, reject) => {
      let cut = false;
      const open: Open = {
        outgoing,
        asked,
        answer(response) {
          cut = true;
          resolve(response);
        },
      };
      opened.add(open);
      outgoing.once("close", () => opened.delete(open));
      answer.then((response) => {
        // Where it has left HTTP, the listener cuts the connection.
        if (env.context.upgrade !== undefined) opened.delete(open);
        // Nobody reads it any more.
        if (cut) void response.body?.cancel();
        else resolve(response);
      }, reject);
    });
  };
}

function refuse(complaint: Complaint, { method, path, accept }: Asked): Response {
  // A preflight must succeed, or the browser hides the real answer from the Matrix client behind a network error.
  if (method === "OPTIONS" && isMatrixPath(path))
    return new Response(null, { status: 204, headers: Object.fromEntries(MATRIX_CORS) });
  const response = complaintResponse(complaint, path, accept);
  response.headers.set("retry-after", String(PANIC_RETRY_AFTER));
  return response;
}

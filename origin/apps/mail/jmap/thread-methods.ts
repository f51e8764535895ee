import type { MailContext } from "../mail-context.ts";
import type { ThreadRow } from "../mailbox/thread-store.ts";
import { answerChanges } from "./changes-method.ts";
import { answerGet, pick } from "./get.ts";
import { formatId, parseId } from "./ids.ts";
import type { MethodTable } from "./method.ts";

/** Thread/* (RFC 8621 §3). */
export function threadMethods(mail: MailContext): MethodTable["methods"] {
  return {
    "Thread/get": (call) =>
      answerGet<ThreadRow>(mail, call, {
        type: "Thread",
        properties: ["id", "emailIds"],
        all: undefined,
        find: (account, id) => {
          const number = parseId("thread", id);
          return number === undefined ? undefined : mail.threads.get(account, number);
        },
        idOf: ({ id }) => formatId("thread", id),
        describe: (rows, wanted) =>
          rows.map(({ id }) =>
            pick(wanted, {
              emailIds: () => mail.threads.emailsOf(id).map((email) => formatId("email", email)),
            }),
          ),
      }),
    "Thread/changes": (call) =>
      answerChanges(mail, call, {
        type: "Thread",
        idKind: "thread",
        changedSince: (account, since, limit) => mail.threads.changedSince(account, since, limit),
      }),
  };
}

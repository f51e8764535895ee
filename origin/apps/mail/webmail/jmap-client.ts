import { isObject } from "../jmap/arguments.ts";
import type { JmapUser } from "../jmap/method.ts";
import { runRequest } from "../jmap/run-request.ts";
import { accountIdOf } from "../jmap/account.ts";
import type { WebmailContext } from "./webmail-context.ts";

/** What JMAP refused, in its words. */
export class RefusedError extends Error {
  override name = "RefusedError";
  /** A type of RFC 8620 §3.6.2 or §5.3: `overQuota`, `invalidRecipients`. */
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(refusal: Readonly<Record<string, unknown>>) {
    super(typeof refusal["description"] === "string" ? refusal["description"] : "That was not done.");
    this.type = String(refusal["type"]);
    this.details = refusal;
  }
}

type Answer = Readonly<Record<string, unknown>>;

/**
 * Calls methods of JMAP within this process, one after another, as the member: under the rules that hold for every mail
 * program. Their answers in order; throws RefusedError for the first call or object that is refused.
 */
export async function callJmap(
  { mail, tables }: Pick<WebmailContext, "mail" | "tables">,
  user: JmapUser,
  ...calls: readonly (readonly [method: string, args: Readonly<Record<string, unknown>>])[]
): Promise<Answer[]> {
  const accountId = accountIdOf(user.account);
  const { methodResponses } = await runRequest(
    {
      using: tables.map(({ capability }) => capability),
      methodCalls: calls.map(([name, args], index) => [name, { accountId, ...args }, String(index)]),
      createdIds: undefined,
    },
    { user, tables, sessionState: "", log: mail.log },
  );
  return methodResponses.map(([name, answer]) => {
    if (name === "error") throw new RefusedError(answer);
    for (const kind of ["notCreated", "notUpdated", "notDestroyed"]) {
      const refused = answer[kind];
      const [first] = isObject(refused) ? Object.values(refused) : [];
      if (first !== undefined) throw new RefusedError(JSON.parse(JSON.stringify(first)) as Answer);
    }
    return answer;
  });
}

/** The id of what was created under a creation id. */
export function createdId(answer: Answer | undefined, creationId: string): string {
  const created = answer?.["created"];
  const object = isObject(created) ? created[creationId] : undefined;
  return isObject(object) ? String(object["id"]) : "";
}

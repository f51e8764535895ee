import {
  accountTerm,
  compileFilter,
  type EmailCondition,
  readEmailCondition,
} from "../../jmap/email-filter.ts";
import type { Filter } from "../../jmap/filter.ts";
import type { MailContext } from "../../mail-context.ts";
import type { SearchTerm } from "./search-terms.ts";
import { type Cursor, pageSize } from "./thread-lists.ts";

/** Emails that a search has found, the newest first. */
export interface FoundEmails {
  readonly emails: readonly number[];
  readonly next: Cursor | undefined;
}

/** One page of what all of the terms hold of, by the same conditions that Email/query knows. */
export async function searchEmails(
  mail: MailContext,
  account: number,
  terms: readonly SearchTerm[],
  before: Cursor | undefined,
): Promise<FoundEmails> {
  const where = await compileFilter(mail, account, filterOf(terms));
  const from = before ? "AND (e.received_at, e.id) < (?, ?)" : "";
  const rows = [
    ...mail.emails.find<{ email: number; time: number }>({
      sql: `SELECT e.id AS email, e.received_at AS time FROM emails e WHERE ${accountTerm(where)} AND ${where.sql} ${from}
        ORDER BY e.received_at DESC, e.id DESC LIMIT ?`,
      parameters: [
        account,
        ...where.parameters,
        ...(before ? [before.time, before.email] : []),
        pageSize + 1,
      ],
    }),
  ];
  const shown = rows.slice(0, pageSize);
  return {
    emails: shown.map(({ email }) => email),
    next: rows.length > pageSize ? shown.at(-1) : undefined,
  };
}

function filterOf(terms: readonly SearchTerm[]): Filter<EmailCondition> {
  const conditions = terms.map(({ isNot, condition }): Filter<EmailCondition> => {
    const read = { condition: readEmailCondition(condition, (id) => id) };
    return isNot ? { operator: "NOT", conditions: [read] } : read;
  });
  return { operator: "AND", conditions };
}

import type { SqlValue } from "../../../storage/driver.ts";
import type { MailContext } from "../mail-context.ts";
import { accountIdOf, accountOf, readState, resolveId, stateOf } from "./account.ts";
import {
  type Clause,
  accountTerm,
  compileFilter,
  type EmailCondition,
  keywordClauses,
  emailConditions,
} from "./email-filter.ts";
import { type Filter, readFilter } from "./filter.ts";
import { formatId } from "./ids.ts";
import { MethodError } from "./jmap-error.ts";
import type { Call } from "./method.ts";
import { cutWindow, readSort, readWindow, type Window } from "./query-window.ts";

/** RFC 8621 §1.3.1, emailQuerySortOptions. */
export const emailSortOptions = [
  "receivedAt",
  "sentAt",
  "size",
  "from",
  "to",
  "subject",
  "hasKeyword",
  "allInThreadHaveKeyword",
  "someInThreadHaveKeyword",
] as const;

const sortColumns: Readonly<Record<string, string>> = {
  receivedAt: "e.received_at",
  sentAt: "e.sent_at",
  size: "e.size",
  from: "e.sort_from",
  to: "e.sort_to",
  subject: "e.sort_subject",
};

/** What a query asks for, without its window. */
interface EmailQuery {
  readonly filter: Filter<EmailCondition> | undefined;
  readonly order: Clause;
  /** Whether nothing but the date of arrival counts, and which way. */
  readonly byDate: "ASC" | "DESC" | undefined;
  readonly collapseThreads: boolean;
}

interface Found {
  readonly id: number;
  readonly thread: number;
}

/** Email/query (RFC 8621 §4.4). */
export async function answerEmailQuery(mail: MailContext, call: Call): Promise<object> {
  const account = accountOf(call);
  const query = readQuery(call);
  const window = readWindow(call);
  call.args.end();
  const statement = await compile(mail, account, query);
  // From here on without a turn for others: what is answered is of one moment.
  const queryState = stateOf(mail, account, "Email");
  const isPlain = window.anchor === undefined && window.position >= 0 && window.limit !== undefined;
  const answer = isPlain
    ? answerPlainWindow(mail, account, query, window, statement)
    : cutWindow(collect(mail, query, statement, Infinity), window);
  return {
    accountId: accountIdOf(account),
    queryState,
    canCalculateChanges: canFollow(query),
    ...answer,
  };
}

/** Only as many rows as the window shows are looked at; how many there are is known, or counted where it is asked for. */
function answerPlainWindow(
  mail: MailContext,
  account: number,
  query: EmailQuery,
  window: Window,
  statement: Clause,
): object {
  const { position, limit = 0, calculateTotal } = window;
  const cut = cutWindow(collect(mail, query, statement, position + limit), {
    ...window,
    calculateTotal: false,
  });
  return {
    ...cut,
    position,
    ...(calculateTotal && { total: totalOf(mail, account, query, statement) }),
  };
}

function totalOf(mail: MailContext, account: number, query: EmailQuery, statement: Clause): number {
  const mailbox = soleMailbox(query);
  if (mailbox !== undefined) {
    const row = mail.mailboxes.get(account, mailbox);
    return (query.collapseThreads ? row?.threads : row?.emails) ?? 0;
  }
  return mail.emails.count(statement, query.collapseThreads ? "thread" : "id");
}

/** The mailbox, where lying in it is all that is asked for. */
function soleMailbox({ filter }: EmailQuery): number | undefined {
  if (!filter || !("condition" in filter)) return undefined;
  const { clauses, texts, headers, inMailbox } = filter.condition;
  return clauses.length === 1 && texts.length + headers.length === 0 ? inMailbox : undefined;
}

/** The ids in order, the first `most` of them. */
function collect(mail: MailContext, query: EmailQuery, statement: Clause, most: number): string[] {
  const ids: string[] = [];
  const threads = new Set<number>();
  if (most === 0) return ids;
  for (const { id, thread } of mail.emails.find<Found>(statement)) {
    if (query.collapseThreads) {
      if (threads.has(thread)) continue;
      threads.add(thread);
    }
    ids.push(formatId("email", id));
    if (ids.length >= most) break;
  }
  return ids;
}

/**
 * Email/queryChanges (RFC 8621 §4.5). What has changed is taken out and put in again where it is now; that says nothing
 * of other emails of a thread, so where those count nothing is said.
 */
export async function answerEmailQueryChanges(mail: MailContext, call: Call): Promise<object> {
  const account = accountOf(call);
  const query = readQuery(call);
  const since = readState(mail, account, "Email", call.args.text("sinceQueryState"));
  const maxChanges = call.args.optionalInteger("maxChanges", 0);
  const calculateTotal = call.args.flag("calculateTotal");
  call.args.optionalText("upToId");
  call.args.end();
  if (!canFollow(query))
    throw new MethodError("cannotCalculateChanges", "Of threads changes cannot be told. Ask the query anew.");
  const statement = await compile(mail, account, query);
  const changed = mail.emails
    .changedSince(account, since, mostFollowed)
    .map(({ id }) => formatId("email", id));
  const destroyed = mail.changes
    .destroyedSince(account, "Email", since)
    .filter(({ createdSeq }) => createdSeq <= since)
    .map(({ id }) => formatId("email", id));
  const removed = [...destroyed, ...changed];
  if (removed.length >= mostFollowed || (maxChanges !== undefined && removed.length > maxChanges))
    throw new MethodError("tooManyChanges", "There are more changes than were wanted. Ask the query anew.");
  const isChanged = new Set(changed);
  const ids = collect(mail, query, statement, Infinity);
  const added = ids.flatMap((id, index) => (isChanged.has(id) ? [{ id, index }] : []));
  return {
    accountId: accountIdOf(account),
    oldQueryState: String(since),
    newQueryState: stateOf(mail, account, "Email"),
    ...(calculateTotal && { total: ids.length }),
    removed,
    added,
  };
}

/** More changes are told by a new query. */
const mostFollowed = 5000;

function readQuery(call: Call): EmailQuery {
  const filter = readFilter(
    call,
    emailConditions((id) => resolveId(call, id)),
  );
  const sort = readSort(call);
  const collapseThreads = call.args.flag("collapseThreads");
  const [first] = sort;
  const isByDate = sort.length === 0 || (sort.length === 1 && first?.property === "receivedAt");
  return {
    filter,
    collapseThreads,
    order: orderOf(sort),
    byDate: isByDate ? (first?.isAscending === true ? "ASC" : "DESC") : undefined,
  };
}

function orderOf(sort: ReturnType<typeof readSort>): Clause {
  const parameters: SqlValue[] = [];
  const terms = sort.map(({ property, isAscending, keyword }) => {
    const direction = isAscending ? "ASC" : "DESC";
    const column = Object.hasOwn(sortColumns, property) ? sortColumns[property] : undefined;
    if (column !== undefined) return `${column} ${direction}`;
    const clause = Object.hasOwn(keywordClauses, property)
      ? keywordClauses[property as keyof typeof keywordClauses]
      : undefined;
    if (clause === undefined)
      throw new MethodError("unsupportedSort", `Emails are not sorted by ${property}.`);
    if (keyword === undefined) throw new MethodError("unsupportedSort", `${property} needs a keyword.`);
    parameters.push(keyword.toLowerCase());
    return `(${clause}) ${direction}`;
  });
  return { sql: terms.join(", "), parameters };
}

function canFollow({ filter, collapseThreads }: EmailQuery): boolean {
  const isOfThread = (entry: Filter<EmailCondition>): boolean =>
    "condition" in entry ? entry.condition.isOfThread : entry.conditions.some(isOfThread);
  return !collapseThreads && !(filter !== undefined && isOfThread(filter));
}

/** The statement that gives the rows in order. One mailbox by date is read off its index, and only as far as needed. */
async function compile(mail: MailContext, account: number, query: EmailQuery): Promise<Clause> {
  const { filter, order, byDate } = query;
  const mailbox = soleMailbox(query);
  if (mailbox !== undefined && byDate !== undefined && mail.mailboxes.get(account, mailbox)) {
    return {
      sql: `SELECT email AS id, thread FROM email_mailboxes WHERE mailbox = ?
        ORDER BY received_at ${byDate}, email ${byDate}`,
      parameters: [mailbox],
    };
  }
  const where = await compileFilter(mail, account, filter);
  const by = order.sql === "" ? "e.received_at DESC" : order.sql;
  return {
    sql: `SELECT e.id, e.thread FROM emails e WHERE ${accountTerm(where)} AND ${where.sql}
      ORDER BY ${by}, e.id ${byDate ?? "DESC"}`,
    parameters: [account, ...where.parameters, ...order.parameters],
  };
}

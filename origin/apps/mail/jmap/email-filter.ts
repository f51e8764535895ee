import { createTurns } from "../../../host/turns.ts";
import type { SqlValue } from "../../../storage/driver.ts";
import type { MailContext } from "../mail-context.ts";
import { matchOf, type TextField } from "../mailbox/text-query.ts";
import { lastField } from "../message/header-forms.ts";
import { invalid, isTexts } from "./arguments.ts";
import type { Filter } from "./filter.ts";
import { parseId } from "./ids.ts";
import { MethodError } from "./jmap-error.ts";

/** One part of a WHERE, `e` being the email. */
export interface Clause {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** A condition of Email/query (RFC 8621 §4.4.1), read. */
export interface EmailCondition {
  readonly clauses: readonly Clause[];
  /** What the full-text index is asked for: all of them must hold. */
  readonly texts: readonly string[];
  /** Header fields to look for: they are in no index. */
  readonly headers: readonly HeaderTest[];
  /** The one mailbox, where that is a condition. */
  readonly inMailbox: number | undefined;
  /** Whether other emails of the thread count. */
  readonly isOfThread: boolean;
}

interface HeaderTest {
  readonly name: string;
  readonly value: string | undefined;
}

/** A whole filter as SQL. */
export interface CompiledFilter extends Clause {
  /** Few emails hold its words: whoever begins with them, and not with the newest email, is sooner done. */
  readonly isNarrow: boolean;
}

type Reader = (value: unknown, resolve: (id: string) => string) => Clause;

/** True in no row, and in all. */
const never: Clause = { sql: "0", parameters: [] };

const keyword = (value: unknown, name: string): string => {
  if (typeof value !== "string" || value === "") throw invalid("filter", `has a ${name} that is no keyword`);
  return value.toLowerCase();
};

const hasKeyword = "EXISTS (SELECT 1 FROM email_keywords k WHERE k.email = e.id AND k.keyword = ?)";
const othersWith =
  "SELECT 1 FROM emails o JOIN email_keywords k ON k.email = o.id AND k.keyword = ? WHERE o.thread = e.thread";
const othersWithout =
  "SELECT 1 FROM emails o WHERE o.thread = e.thread AND NOT EXISTS (SELECT 1 FROM email_keywords k WHERE k.email = o.id AND k.keyword = ?)";

/** Of keywords, one SQL condition each; also what is sorted by (RFC 8621 §4.4.2). */
export const keywordClauses = {
  hasKeyword,
  allInThreadHaveKeyword: `NOT EXISTS (${othersWithout})`,
  someInThreadHaveKeyword: `EXISTS (${othersWith})`,
} as const;

const readers: Readonly<Record<string, Reader>> = {
  inMailbox(value, resolve) {
    if (typeof value !== "string") throw invalid("filter", "has an inMailbox that is no id");
    const mailbox = parseId("mailbox", resolve(value));
    if (mailbox === undefined) return never;
    return {
      sql: "EXISTS (SELECT 1 FROM email_mailboxes b WHERE b.email = e.id AND b.mailbox = ?)",
      parameters: [mailbox],
    };
  },
  inMailboxOtherThan(value, resolve) {
    if (!isTexts(value)) throw invalid("filter", "has an inMailboxOtherThan that is no list of ids");
    const mailboxes = value.map((id) => parseId("mailbox", resolve(id)) ?? 0);
    return {
      sql: `EXISTS (SELECT 1 FROM email_mailboxes b WHERE b.email = e.id
        AND b.mailbox NOT IN (SELECT value FROM json_each(?)))`,
      parameters: [JSON.stringify(mailboxes)],
    };
  },
  before: (value) => ({ sql: "e.received_at < ?", parameters: [readDate(value, "before")] }),
  after: (value) => ({ sql: "e.received_at >= ?", parameters: [readDate(value, "after")] }),
  minSize: (value) => ({ sql: "e.size >= ?", parameters: [readSize(value, "minSize")] }),
  maxSize: (value) => ({ sql: "e.size < ?", parameters: [readSize(value, "maxSize")] }),
  hasKeyword: (value) => ({ sql: hasKeyword, parameters: [keyword(value, "hasKeyword")] }),
  notKeyword: (value) => ({ sql: `NOT ${hasKeyword}`, parameters: [keyword(value, "notKeyword")] }),
  allInThreadHaveKeyword: (value) => ({
    sql: keywordClauses.allInThreadHaveKeyword,
    parameters: [keyword(value, "allInThreadHaveKeyword")],
  }),
  someInThreadHaveKeyword: (value) => ({
    sql: keywordClauses.someInThreadHaveKeyword,
    parameters: [keyword(value, "someInThreadHaveKeyword")],
  }),
  noneInThreadHaveKeyword: (value) => ({
    sql: `NOT ${keywordClauses.someInThreadHaveKeyword}`,
    parameters: [keyword(value, "noneInThreadHaveKeyword")],
  }),
  hasAttachment(value) {
    if (typeof value !== "boolean") throw invalid("filter", "has a hasAttachment that is not true or false");
    return { sql: "e.has_attachment = ?", parameters: [Number(value)] };
  },
};

const textFields: ReadonlySet<string> = new Set<TextField>([
  "text",
  "from",
  "to",
  "cc",
  "bcc",
  "subject",
  "body",
]);

/** Undefined for a text without any word. */
function readText(field: TextField, value: unknown): string | undefined {
  if (typeof value !== "string") throw invalid("filter", `has a ${field} that is no text`);
  return matchOf(field, value);
}

function readDate(value: unknown, name: string): number {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalid("filter", `has a ${name} that is no UTC date`);
  return time;
}

function readSize(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw invalid("filter", `has a ${name} that is no number of bytes`);
  return value;
}

/** What one filter may cost: each condition on words 1; on a thread or a header field, which no index has, 4. */
const mostCost = 32;

/** Reads the conditions of one filter, in all of which only so much may be asked for. The reader throws MethodError. */
export function emailConditions(
  resolve: (id: string) => string,
): (condition: Record<string, unknown>) => EmailCondition {
  let cost = 0;
  return (condition) => {
    const read = readEmailCondition(condition, resolve);
    const ofThread = Object.keys(condition).filter((name) => name.includes("InThread")).length;
    cost += read.texts.length + 4 * (read.headers.length + ofThread);
    if (cost > mostCost) throw new MethodError("unsupportedFilter", "The filter asks for too much at once.");
    return read;
  };
}

/** Reads one condition: all of its properties must hold. Throws MethodError. */
export function readEmailCondition(
  condition: Record<string, unknown>,
  resolve: (id: string) => string,
): EmailCondition {
  const clauses: Clause[] = [];
  const texts: string[] = [];
  const headers: HeaderTest[] = [];
  let inMailbox: number | undefined;
  let isOfThread = false;
  for (const [name, value] of Object.entries(condition)) {
    if (name === "header") {
      headers.push(readHeaderTest(value));
      continue;
    }
    if (textFields.has(name)) {
      const match = readText(name as TextField, value);
      if (match === undefined) clauses.push(never);
      else texts.push(match);
      continue;
    }
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (!read) throw new MethodError("unsupportedFilter", `Emails are not found by ${name.slice(0, 100)}.`);
    clauses.push(read(value, resolve));
    if (name === "inMailbox") inMailbox = parseId("mailbox", resolve(String(value)));
    if (name.includes("InThread")) isOfThread = true;
  }
  return { clauses, texts, headers, inMailbox, isOfThread };
}

function readHeaderTest(value: unknown): HeaderTest {
  const [name = "", wanted] = isTexts(value) ? value : [];
  if (!isTexts(value) || value.length < 1 || value.length > 2)
    throw invalid("filter", "has a header that is no list of a name and, perhaps, a text");
  return { name, value: wanted?.toLowerCase() };
}

/** The whole filter as SQL. Header fields are read of every email of the account, with turns for others between. */
export async function compileFilter(
  mail: MailContext,
  account: number,
  filter: Filter<EmailCondition> | undefined,
): Promise<CompiledFilter> {
  if (filter === undefined) return { sql: "1", parameters: [], isNarrow: false };
  if ("condition" in filter) return await compileConditions(mail, account, [filter.condition], []);
  const own = filter.conditions.flatMap((entry) => ("condition" in entry ? [entry.condition] : []));
  const parts: Clause[] = [];
  for (const entry of filter.conditions) {
    // What must hold together is asked of the index together.
    if (filter.operator === "AND" && "condition" in entry) continue;
    parts.push(await compileFilter(mail, account, entry));
  }
  if (filter.operator === "AND") return await compileConditions(mail, account, own, parts);
  const any = join(parts, "OR");
  return filter.operator === "OR"
    ? { ...any, isNarrow: false }
    : { sql: `NOT ${any.sql}`, parameters: any.parameters, isNarrow: false };
}

/** The account as the first term beside a compiled filter. With a plus no index of the account is used (SQLite, query planner §8). */
export const accountTerm = ({ isNarrow }: CompiledFilter): string =>
  isNarrow ? "+e.account = ?" : "e.account = ?";

/** Emails that hold the words of a search are looked at one by one as long as there are no more. */
const mostNarrow = 1000;

/** All of the conditions, and all of the parts. */
async function compileConditions(
  mail: MailContext,
  account: number,
  conditions: readonly EmailCondition[],
  parts: readonly Clause[],
): Promise<CompiledFilter> {
  const found: Clause[] = [...conditions.flatMap(({ clauses }) => clauses), ...parts];
  for (const test of conditions.flatMap(({ headers }) => headers))
    found.push(await findByHeader(mail, account, test));
  const match = conditions
    .flatMap(({ texts }) => texts)
    .map((text) => `(${text})`)
    .join(" AND ");
  if (match === "") return { ...join(found, "AND"), isNarrow: false };
  const words: Clause = {
    sql: "e.id IN (SELECT rowid FROM email_text WHERE email_text MATCH ?)",
    parameters: [match],
  };
  const isNarrow = !mail.emails.hasMoreMatches(match, mostNarrow);
  return { ...join([words, ...found], "AND"), isNarrow };
}

function join(parts: readonly Clause[], operator: "AND" | "OR"): Clause {
  if (parts.length === 0) return { sql: operator === "AND" ? "1" : "0", parameters: [] };
  return {
    sql: `(${parts.map(({ sql }) => sql).join(` ${operator} `)})`,
    parameters: parts.flatMap(({ parameters }) => parameters),
  };
}

async function findByHeader(mail: MailContext, account: number, test: HeaderTest): Promise<Clause> {
  const turns = createTurns();
  const found: number[] = [];
  for (const { id, hash } of mail.emails.hashesOf(account)) {
    await turns();
    const { headers } = mail.emails.bodyOf(hash).root;
    const value = lastField(headers, test.name);
    if (value !== undefined && (test.value === undefined || value.toLowerCase().includes(test.value)))
      found.push(id);
  }
  return { sql: "e.id IN (SELECT value FROM json_each(?))", parameters: [JSON.stringify(found)] };
}

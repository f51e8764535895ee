import type { MailContext } from "../mail-context.ts";
import type { MailboxRow } from "../mailbox/mailbox-store.ts";
import { accountIdOf, accountOf, readState, resolveId, stateOf } from "./account.ts";
import { invalid } from "./arguments.ts";
import { passes, readFilter } from "./filter.ts";
import { formatId, parseId } from "./ids.ts";
import { MethodError } from "./jmap-error.ts";
import type { Call } from "./method.ts";
import { cutWindow, readSort, readWindow } from "./query-window.ts";

type Condition = (row: MailboxRow) => boolean;

/** Mailbox/query (RFC 8621 §2.3). */
export function answerMailboxQuery(mail: MailContext, call: Call): object {
  const account = accountOf(call);
  const find = readQuery(mail, call);
  const window = readWindow(call);
  call.args.end();
  const ids = find(account).map(({ id }) => formatId("mailbox", id));
  return {
    accountId: accountIdOf(account),
    queryState: stateOf(mail, account, "Mailbox"),
    canCalculateChanges: true,
    ...cutWindow(ids, window),
  };
}

/**
 * Mailbox/queryChanges (RFC 8621 §2.4). Everything that has changed since is taken out and, where it is among the
 * results now, put in again (RFC 8620 §5.6 allows to name more as removed than was there).
 */
export function answerMailboxQueryChanges(mail: MailContext, call: Call): object {
  const account = accountOf(call);
  const find = readQuery(mail, call);
  const since = readState(mail, account, "Mailbox", call.args.text("sinceQueryState"));
  const calculateTotal = call.args.flag("calculateTotal");
  const maxChanges = call.args.optionalInteger("maxChanges", 0);
  call.args.optionalText("upToId");
  call.args.end();
  const rows = find(account);
  const isChanged = ({ changedSeq }: MailboxRow): boolean => changedSeq > since;
  const removed = [
    ...mail.changes.destroyedSince(account, "Mailbox", since).map(({ id }) => id),
    ...mail.mailboxes
      .list(account)
      .filter(isChanged)
      .map(({ id }) => id),
  ].map((id) => formatId("mailbox", id));
  const added = [...rows.entries()]
    .filter(([, row]) => isChanged(row))
    .map(([index, { id }]) => ({ id: formatId("mailbox", id), index }));
  if (maxChanges !== undefined && removed.length + added.length > maxChanges)
    throw new MethodError("tooManyChanges", "There are more changes than were wanted.");
  return {
    accountId: accountIdOf(account),
    oldQueryState: String(since),
    newQueryState: stateOf(mail, account, "Mailbox"),
    ...(calculateTotal && { total: rows.length }),
    removed,
    added,
  };
}

/** Reads filter and order; the function gives the rows that they make of an account. */
function readQuery(mail: MailContext, call: Call): (account: number) => MailboxRow[] {
  const filter = readFilter(call, (condition) => readCondition(call, condition));
  const compare = readOrder(call);
  const sortAsTree = call.args.flag("sortAsTree");
  const filterAsTree = call.args.flag("filterAsTree");
  return (account) => {
    const all = mail.mailboxes.list(account).toSorted(compare);
    const ordered = sortAsTree ? asTree(all) : all;
    const isFound = new Set(ordered.filter((row) => passes(filter, (test) => test(row))).map(({ id }) => id));
    if (filterAsTree) dropOrphans(all, isFound);
    return ordered.filter(({ id }) => isFound.has(id));
  };
}

function readCondition(call: Call, condition: Record<string, unknown>): Condition {
  const tests: Condition[] = [];
  for (const [name, value] of Object.entries(condition)) {
    if (name === "parentId" && (value === null || typeof value === "string")) {
      const parent = value === null ? null : (parseId("mailbox", resolveId(call, value)) ?? 0);
      tests.push((row) => row.parent === parent);
    } else if (name === "name" && typeof value === "string") {
      const wanted = value.normalize("NFC").toLowerCase();
      tests.push((row) => row.name.toLowerCase().includes(wanted));
    } else if (name === "role" && (value === null || typeof value === "string")) {
      tests.push((row) => row.role === value);
    } else if (name === "hasAnyRole" && typeof value === "boolean") {
      tests.push((row) => (row.role !== null) === value);
    } else if (name === "isSubscribed" && typeof value === "boolean") {
      tests.push((row) => (row.subscribed === 1) === value);
    } else if (["parentId", "name", "role", "hasAnyRole", "isSubscribed"].includes(name)) {
      throw invalid("filter", `has a ${name} that cannot be one`);
    } else {
      throw new MethodError("unsupportedFilter", `Mailboxes are not found by ${name.slice(0, 100)}.`);
    }
  }
  return (row) => tests.every((test) => test(row));
}

type Comparison = (one: MailboxRow, other: MailboxRow) => number;

const collator = new Intl.Collator("und", { sensitivity: "accent" });

const orders: Readonly<Record<string, Comparison>> = {
  name: (one, other) => collator.compare(one.name, other.name),
  sortOrder: (one, other) => one.sortOrder - other.sortOrder,
  parentId: (one, other) => (one.parent ?? 0) - (other.parent ?? 0),
};

function readOrder(call: Call): Comparison {
  const comparisons = readSort(call).map(({ property, isAscending }): Comparison => {
    const compare = Object.hasOwn(orders, property) ? orders[property] : undefined;
    if (!compare) throw new MethodError("unsupportedSort", `Mailboxes are not sorted by ${property}.`);
    return isAscending ? compare : (one, other) => compare(other, one);
  });
  return (one, other) => {
    for (const compare of comparisons) {
      const order = compare(one, other);
      if (order !== 0) return order;
    }
    return one.id - other.id;
  };
}

/** RFC 8621 §2.3: each mailbox right before those within it, brothers in the order that they have. */
function asTree(rows: readonly MailboxRow[]): MailboxRow[] {
  const within = Map.groupBy(rows, ({ parent }) => parent);
  const place = (parent: number | null): MailboxRow[] =>
    (within.get(parent) ?? []).flatMap((row) => [row, ...place(row.id)]);
  return place(null);
}

/** RFC 8621 §2.3: what lies within a mailbox that was not found is not found either. */
function dropOrphans(rows: readonly MailboxRow[], isFound: Set<number>): void {
  const parents = new Map(rows.map(({ id, parent }) => [id, parent]));
  for (const { id } of rows) {
    for (let at = parents.get(id) ?? null; at !== null; at = parents.get(at) ?? null) {
      if (!isFound.has(at)) isFound.delete(id);
    }
  }
}

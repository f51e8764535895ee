import type { MailContext } from "../mail-context.ts";
import type { MailboxRow, NewMailbox } from "../mailbox/mailbox-store.ts";
import { answerChanges, type Followed } from "./changes-method.ts";
import { answerGet, type Gettable, pick } from "./get.ts";
import { formatId, parseId } from "./ids.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import { answerMailboxQuery, answerMailboxQueryChanges } from "./mailbox-query.ts";
import type { Call, MethodTable } from "./method.ts";
import { answerSet, applyPatch, readSetArguments, type Settable } from "./set.ts";
import { resolveId } from "./account.ts";

/** RFC 8621 §2: bytes of a name, and levels of mailboxes within mailboxes. */
export const mailboxLimits = { nameBytes: 255, depth: 10, mostMailboxes: 2000 } as const;

const countProperties = ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"];
const properties = [
  "id",
  "name",
  "parentId",
  "role",
  "sortOrder",
  ...countProperties,
  "myRights",
  "isSubscribed",
];
/** Those that a client may set. */
const writable = new Set(["name", "parentId", "role", "sortOrder", "isSubscribed"]);
/** The registry "IMAP Mailbox Name Attributes", in lower case (RFC 8621 §10.5). */
const roles = new Set([
  "all",
  "archive",
  "drafts",
  "flagged",
  "important",
  "inbox",
  "junk",
  "memos",
  "scheduled",
  "sent",
  "snoozed",
  "subscribed",
  "trash",
]);

/** Mailbox/* (RFC 8621 §2). */
export function mailboxMethods(mail: MailContext): MethodTable["methods"] {
  const gettable = gettableMailboxes(mail);
  const followed = followedMailboxes(mail);
  return {
    "Mailbox/get": (call) => answerGet(mail, call, gettable),
    "Mailbox/changes": (call) => {
      const changes = answerChanges(mail, call, followed);
      return { ...changes, updatedProperties: updatedProperties(mail, call.user.account, changes) };
    },
    "Mailbox/set": (call) => setMailboxes(mail, call),
    "Mailbox/query": (call) => answerMailboxQuery(mail, call),
    "Mailbox/queryChanges": (call) => answerMailboxQueryChanges(mail, call),
  };
}

function gettableMailboxes(mail: MailContext): Gettable<MailboxRow> {
  return {
    type: "Mailbox",
    properties,
    all: (account) => mail.mailboxes.list(account),
    find: (account, id) => findMailbox(mail, account, id),
    idOf: ({ id }) => formatId("mailbox", id),
    describe: (rows, wanted) => rows.map((row) => describeMailbox(row, wanted)),
  };
}

function describeMailbox(row: MailboxRow, wanted: ReadonlySet<string>): Record<string, unknown> {
  const isInbox = row.role === "inbox";
  return pick(wanted, {
    name: () => row.name,
    parentId: () => (row.parent === null ? null : formatId("mailbox", row.parent)),
    role: () => row.role,
    sortOrder: () => row.sortOrder,
    totalEmails: () => row.emails,
    unreadEmails: () => row.unreadEmails,
    totalThreads: () => row.threads,
    unreadThreads: () => row.unreadThreads,
    myRights: () => ({
      mayReadItems: true,
      mayAddItems: true,
      mayRemoveItems: true,
      maySetSeen: true,
      maySetKeywords: true,
      mayCreateChild: true,
      mayRename: !isInbox,
      mayDelete: !isInbox,
      maySubmit: true,
    }),
    isSubscribed: () => row.subscribed === 1,
  });
}

export function findMailbox(mail: MailContext, account: number, id: string): MailboxRow | undefined {
  const number = parseId("mailbox", id);
  return number === undefined ? undefined : mail.mailboxes.get(account, number);
}

function followedMailboxes(mail: MailContext): Followed {
  return {
    type: "Mailbox",
    idKind: "mailbox",
    changedSince: (account, since, limit) =>
      mail.mailboxes
        .list(account)
        .map(({ id, createdSeq, changedSeq, countedSeq }) => ({
          id,
          createdSeq,
          changedSeq: Math.max(changedSeq, countedSeq),
        }))
        .filter(({ changedSeq }) => changedSeq > since)
        .toSorted((one, other) => one.changedSeq - other.changedSeq)
        .slice(0, limit),
  };
}

/** RFC 8621 §2.2: where nothing but counts has changed, clients need not fetch the rest. */
function updatedProperties(
  mail: MailContext,
  account: number,
  { oldState, updated }: { oldState: string; updated: readonly string[] },
): string[] | null {
  const since = Number(oldState);
  const isCounted = updated.every((id) => (findMailbox(mail, account, id)?.changedSeq ?? since) <= since);
  return isCounted && updated.length > 0 ? countProperties : null;
}

async function setMailboxes(mail: MailContext, call: Call): Promise<object> {
  const removeEmails = call.args.flag("onDestroyRemoveEmails");
  const given = readSetArguments(call);
  call.args.optionalText("ifInState");
  call.args.end();
  const { account } = given;
  const settable: Settable = {
    type: "Mailbox",
    create(transaction, object) {
      if (mail.mailboxes.list(account).length >= mailboxLimits.mostMailboxes)
        throw new SetError("overQuota", `There are ${mailboxLimits.mostMailboxes} mailboxes: that is all.`);
      const defaults = { parentId: null, role: null, sortOrder: 0, isSubscribed: true };
      const wanted = readMailbox(mail, call, account, { ...defaults, ...object }, undefined);
      const id = mail.mailboxes.insert(transaction, account, wanted);
      const row = mail.mailboxes.get(account, id) as MailboxRow;
      const unknown = properties.filter((name) => !Object.hasOwn(object, name) || object[name] === null);
      return { id: formatId("mailbox", id), ...describeMailbox(row, new Set(unknown)) };
    },
    update(transaction, id, patch) {
      const row = findMailbox(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such mailbox.");
      const before = describeMailbox(row, new Set(properties));
      const wanted = readMailbox(mail, call, account, applyPatch(before, patch), row);
      mail.mailboxes.update(transaction, account, row.id, wanted);
      return null;
    },
    destroy(transaction, id) {
      const row = findMailbox(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such mailbox.");
      if (row.role === "inbox") throw new SetError("forbidden", "The inbox is where mail arrives: it stays.");
      if (mail.mailboxes.list(account).some(({ parent }) => parent === row.id))
        throw new SetError("mailboxHasChild", "There are mailboxes in it: remove those first.");
      if (row.emails > 0 && !removeEmails)
        throw new SetError("mailboxHasEmail", "There are emails in it: move or remove them first.");
      emptyMailbox(mail, transaction, row);
      mail.mailboxes.remove(transaction, row);
    },
  };
  return await answerSet(mail, call, given, settable);
}

/** RFC 8621 §2.5: emails that lie in another mailbox too only leave this one. */
function emptyMailbox(
  mail: MailContext,
  transaction: Parameters<Settable["destroy"]>[0],
  { id: mailbox, account }: MailboxRow,
): void {
  for (const id of mail.emails.idsIn(mailbox)) {
    const email = mail.emails.get(account, id);
    if (!email) continue;
    const others = mail.emails.mailboxesOf(id).filter((other) => other !== mailbox);
    if (others.length > 0) mail.emails.setMailboxes(transaction, email, others);
    else mail.emails.remove(transaction, email);
  }
}

/** The mailbox as it is to be. `row`: as it is; absent for a new one. Throws SetError. */
function readMailbox(
  mail: MailContext,
  call: Call,
  account: number,
  object: Record<string, unknown>,
  row: MailboxRow | undefined,
): NewMailbox {
  checkServerSet(object, row);
  const name = readName(object["name"]);
  const parent = readParent(mail, call, account, object["parentId"], row);
  const { role = null, sortOrder = 0, isSubscribed = true } = object;
  if (role !== null && (typeof role !== "string" || !roles.has(role)))
    throw invalidProperties("role must be one of the registered ones, or null.", "role");
  if (typeof sortOrder !== "number" || !Number.isInteger(sortOrder) || sortOrder < 0 || sortOrder >= 2 ** 31)
    throw invalidProperties("sortOrder must be a whole number below 2^31.", "sortOrder");
  if (typeof isSubscribed !== "boolean")
    throw invalidProperties("isSubscribed must be true or false.", "isSubscribed");
  if (row?.role === "inbox" && (role !== "inbox" || name !== row.name || parent !== row.parent))
    throw new SetError("forbidden", "The inbox keeps its name, its place and its role.");
  const others = mail.mailboxes.list(account).filter(({ id }) => id !== row?.id);
  if (role !== null && others.some((other) => other.role === role))
    throw invalidProperties(`Another mailbox has the role ${role}.`, "role");
  const twin = others.find((other) => other.parent === parent && other.name === name);
  if (twin) {
    throw new SetError("alreadyExists", "There is a mailbox of that name in this place.", {
      existingId: formatId("mailbox", twin.id),
    });
  }
  return { parent, name, role, sortOrder, subscribed: isSubscribed };
}

/** What only the server sets may be given back as it is, and not otherwise. */
function checkServerSet(object: Record<string, unknown>, row: MailboxRow | undefined): void {
  const before = row && { id: formatId("mailbox", row.id), ...describeMailbox(row, new Set(properties)) };
  for (const [name, value] of Object.entries(object)) {
    if (writable.has(name)) continue;
    if (!before || JSON.stringify(value) !== JSON.stringify((before as Record<string, unknown>)[name]))
      throw invalidProperties(`${name} cannot be set.`, name);
  }
}

function readName(value: unknown): string {
  if (typeof value !== "string") throw invalidProperties("name must be given, as a text.", "name");
  const name = value.normalize("NFC").trim();
  if (name === "" || /\p{Cc}/u.test(name) || Buffer.byteLength(name) > mailboxLimits.nameBytes) {
    throw invalidProperties(
      `name must have 1 to ${mailboxLimits.nameBytes} bytes and no control characters.`,
      "name",
    );
  }
  return name;
}

function readParent(
  mail: MailContext,
  call: Call,
  account: number,
  value: unknown,
  row: MailboxRow | undefined,
): number | null {
  if (value === null || value === undefined) return null;
  const parent = typeof value === "string" ? findMailbox(mail, account, resolveId(call, value)) : undefined;
  if (!parent) throw invalidProperties("parentId must be a mailbox of this account, or null.", "parentId");
  let depth = 1;
  for (let at: MailboxRow | undefined = parent; at; depth += 1) {
    if (at.id === row?.id) throw invalidProperties("A mailbox cannot lie within itself.", "parentId");
    at = at.parent === null ? undefined : mail.mailboxes.get(account, at.parent);
  }
  if (depth + (row ? heightOf(mail, row) : 0) > mailboxLimits.depth)
    throw invalidProperties(`Mailboxes lie at most ${mailboxLimits.depth} deep in one another.`, "parentId");
  return parent.id;
}

/** Levels of mailboxes within it. */
function heightOf(mail: MailContext, row: MailboxRow): number {
  const children = mail.mailboxes.list(row.account).filter(({ parent }) => parent === row.id);
  return children.length === 0 ? 0 : 1 + Math.max(...children.map((child) => heightOf(mail, child)));
}

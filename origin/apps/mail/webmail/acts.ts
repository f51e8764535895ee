import { createTurns } from "../../../host/turns.ts";
import { parseId } from "../jmap/ids.ts";
import { findMailbox } from "../jmap/mailbox-methods.ts";
import type { MailContext } from "../mail-context.ts";
import type { MailboxRow, Role } from "../mailbox/mailbox-store.ts";
import { confirmDestroy } from "./destroy.ts";
import { backTo, type MailRoutes } from "./mail-routes.ts";
import type { Restored } from "./undo-store.ts";
import type { Reader, WebmailContext } from "./webmail-context.ts";
import { wordsPage } from "./words-page.ts";

/** Emails of one thread that one act touches, the newest. */
const mostOfThread = 2000;
/** Threads and emails that one form names: what a page shows. */
const mostChosen = 200;
/** Emails of one write: others have their turn between two. */
const atOnce = 100;

/** What is chosen: each email with the mailbox from which it is taken, where it is a certain one. */
export interface Chosen {
  readonly emails: readonly number[];
  readonly from: MailboxRow | undefined;
  /** Of threads or messages, for the words. */
  readonly count: number;
  readonly noun: "conversation" | "message";
}

interface ActKind {
  /** `archived` */
  readonly done: string;
  readonly to?: Role;
  readonly add?: string;
  readonly remove?: string;
}

interface Wish {
  readonly kind: ActKind;
  readonly to: MailboxRow | undefined;
}

const kinds = new Map<string, ActKind>([
  ["archive", { done: "archived", to: "archive" }],
  ["trash", { done: "moved to the trash", to: "trash" }],
  ["inbox", { done: "moved to the inbox", to: "inbox" }],
  ["junk", { done: "marked as spam", to: "junk", add: "$junk", remove: "$notjunk" }],
  ["notjunk", { done: "moved to the inbox as no spam", to: "inbox", add: "$notjunk", remove: "$junk" }],
  ["read", { done: "marked as read", add: "$seen" }],
  ["unread", { done: "marked as unread", remove: "$seen" }],
  ["flag", { done: "flagged", add: "$flagged" }],
  ["unflag", { done: "unflagged", remove: "$flagged" }],
]);

/** What is done with lines that are ticked, or with the thread that is open. */
export function mountActs(webmail: WebmailContext, routes: MailRoutes): void {
  routes.act("/act", async (_c, reader, fields) => {
    const next = fields.get("next");
    const chosen = await readChosen(webmail, reader, fields);
    if (chosen.emails.length === 0) return backTo(fields.get("here") ?? next, { words: "none" });
    const name = fields.get("act") ?? "";
    if (name === "destroy") return confirmDestroy(chosen, next);
    const wish = readKind(webmail.mail, reader, name, fields);
    if (!wish) return wordsPage("That was not done", "There is no such act, or no such folder.", 422);
    return backTo(next, { act: await perform(webmail, reader.account, chosen, wish) });
  });
}

async function readChosen(
  { mail, lists }: WebmailContext,
  reader: Reader,
  fields: URLSearchParams,
): Promise<Chosen> {
  const { account } = reader;
  const from = findMailbox(mail, account, fields.get("in") ?? "");
  const threads = fields
    .getAll("thread")
    .slice(0, mostChosen)
    .flatMap((id) => parseId("thread", id) ?? []);
  const single = fields
    .getAll("email")
    .slice(0, mostChosen)
    .flatMap((id) => parseId("email", id) ?? []);
  const own = new Set(
    ["sent", "drafts", "trash", "junk"].map((role) => mail.mailboxes.byRole(account, role as Role)?.id),
  );
  const isMeant = (email: number): boolean => {
    const lying = mail.emails.mailboxesOf(email);
    return from ? lying.includes(from.id) : lying.some((id) => !own.has(id));
  };
  const turns = createTurns();
  const ofThreads: number[] = [];
  const meant: number[] = [];
  for (const thread of threads) {
    await turns();
    const emails = lists.emailsOf(account, thread, undefined, mostOfThread);
    ofThreads.push(...emails);
    meant.push(...emails.filter(isMeant));
  }
  return {
    emails: [
      // Found by a search, it may lie in the trash or among what was sent alone.
      ...(meant.length === 0 && !from ? ofThreads : meant),
      ...single.filter((id) => mail.emails.get(account, id)),
    ],
    from,
    count: threads.length + single.length,
    noun: threads.length > 0 ? "conversation" : "message",
  };
}

function readKind(
  mail: MailContext,
  { account }: Reader,
  name: string,
  fields: URLSearchParams,
): Wish | undefined {
  if (name === "move") {
    const to = findMailbox(mail, account, fields.get("to") ?? "");
    return to && { kind: { done: `moved to ${to.name}` }, to };
  }
  const kind = kinds.get(name);
  if (!kind) return undefined;
  const to = kind.to === undefined ? undefined : mail.mailboxes.byRole(account, kind.to);
  return kind.to !== undefined && !to ? undefined : { kind, to };
}

/** Some at a time: killed in the midst, what was done can be taken back, and nothing else has happened. */
async function perform(
  { mail, undo }: WebmailContext,
  account: number,
  { emails, from, count, noun }: Chosen,
  wish: Wish,
): Promise<number> {
  const words = `${count} ${noun}${count === 1 ? "" : "s"} ${wish.kind.done}.`;
  const before: Restored[] = [];
  let act: number | undefined;
  for (let start = 0; start < emails.length; start += atOnce) {
    act = await mail.database.write((transaction) => {
      for (const id of emails.slice(start, start + atOnce)) {
        const email = mail.emails.get(account, id);
        if (!email) continue;
        const mailboxes = mail.emails.mailboxesOf(id);
        const keywords = mail.emails.keywordsOf(id);
        const marked = markedBy(wish.kind, keywords);
        if (marked) mail.emails.setKeywords(transaction, email, marked);
        // Read again: whether it is unread may have changed just now.
        const current = mail.emails.get(account, id) ?? email;
        if (wish.to) mail.emails.setMailboxes(transaction, current, placesOf(wish, mailboxes, from));
        before.push({ id, ...(wish.to && { mailboxes }), ...(marked && { keywords }) });
      }
      const reversal = { kind: "restore", emails: before } as const;
      if (act === undefined) return undo.note(transaction, account, words, reversal);
      undo.extend(act, reversal);
      return act;
    });
  }
  return act ?? 0;
}

/** The keywords after it; undefined where they stay. */
function markedBy({ add, remove }: ActKind, keywords: readonly string[]): string[] | undefined {
  const marked = new Set(keywords);
  const isChanged =
    (remove !== undefined && marked.delete(remove)) || (add !== undefined && !marked.has(add));
  if (add !== undefined) marked.add(add);
  return isChanged ? [...marked] : undefined;
}

/** Out of the mailbox that it was chosen in, or of all of them, and into another. */
function placesOf({ kind, to }: Wish, mailboxes: readonly number[], from: MailboxRow | undefined): number[] {
  const isAway = kind.to === "trash" || kind.to === "junk";
  const kept = from && !isAway ? mailboxes.filter((one) => one !== from.id) : [];
  return [...new Set([...kept, ...(to ? [to.id] : [])])];
}

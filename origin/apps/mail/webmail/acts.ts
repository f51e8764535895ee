import { html } from "hono/html";
import type { Transaction } from "../../../storage/writer.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { nextPath } from "../../../gate/next-path.ts";
import { formatId, parseId } from "../jmap/ids.ts";
import { findMailbox } from "../jmap/mailbox-methods.ts";
import type { MailContext } from "../mail-context.ts";
import type { MailboxRow, Role } from "../mailbox/mailbox-store.ts";
import { callJmap, RefusedError } from "./jmap-client.ts";
import { backTo, type MailRoutes } from "./mail-routes.ts";
import type { Reversal } from "./undo-store.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";
import { notThere, wordsPage } from "./words-page.ts";

/** Emails of one thread that one act touches; more are done by the folder. */
const mostOfThread = 2000;
/** Threads and emails that one form names: what a page shows. */
const mostChosen = 200;

/** What is chosen: each email with the mailbox from which it is taken, where it is a certain one. */
interface Chosen {
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

/** What is done with lines that are ticked, and how it is taken back. */
export function mountActs(webmail: WebmailContext, routes: MailRoutes): void {
  routes.act("/act", async (_c, reader, fields) => {
    const next = fields.get("next");
    const chosen = readChosen(webmail, reader, fields);
    if (chosen.emails.length === 0) return backTo(fields.get("here") ?? next, { words: "none" });
    const name = fields.get("act") ?? "";
    if (name === "destroy") return confirmDestroy(chosen, next);
    const wish = readKind(webmail.mail, reader, name, fields);
    if (!wish) return wordsPage("That was not done", "There is no such act, or no such folder.", 422);
    const id = await webmail.mail.database.write((transaction) =>
      perform(webmail, transaction, reader, chosen, wish),
    );
    return backTo(next, { act: id });
  });

  routes.act("/undo", async (_c, reader, fields) => {
    const next = fields.get("next");
    const act = webmail.undo.find(reader.account, Number(fields.get("act")) || 0);
    if (!act) return backTo(next, { words: "late" });
    return await takeBack(webmail, reader, act.id, act.reversal, next);
  });

  routes.act("/destroy", async (_c, reader, fields) => {
    const emails = fields
      .getAll("email")
      .slice(0, mostOfThread)
      .flatMap((id) => parseId("email", id) ?? []);
    await destroy(webmail.mail, reader.account, emails);
    return backTo(fields.get("next"), { words: "deleted" });
  });

  routes.page(
    "/empty",
    (c, reader) => {
      const mailbox = emptiable(webmail.mail, reader, c.req.query("in"));
      return mailbox ? confirmEmpty(mailbox) : notThere("There is no such folder to empty.");
    },
    async (_c, reader, fields) => {
      const mailbox = emptiable(webmail.mail, reader, fields.get("in") ?? undefined);
      if (!mailbox) return notThere("There is no such folder to empty.");
      await destroy(webmail.mail, reader.account, webmail.mail.emails.idsIn(mailbox.id), mailbox.id);
      return redirectTo(`/box/${formatId("mailbox", mailbox.id)}?said=emptied`);
    },
  );
}

function readChosen({ mail, lists }: WebmailContext, reader: Reader, fields: URLSearchParams): Chosen {
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
  const ofThreads = threads.flatMap((thread) => lists.emailsOf(account, thread, undefined, mostOfThread));
  const own = new Set(
    ["sent", "drafts", "trash", "junk"].map((role) => mail.mailboxes.byRole(account, role as Role)?.id),
  );
  const isMeant = (email: number): boolean => {
    const lying = mail.emails.mailboxesOf(email);
    return from ? lying.includes(from.id) : lying.some((id) => !own.has(id));
  };
  const meant = ofThreads.filter(isMeant);
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
): { kind: ActKind; to: MailboxRow | undefined } | undefined {
  if (name === "move") {
    const to = findMailbox(mail, account, fields.get("to") ?? "");
    return to && { kind: { done: `moved to ${to.name}` }, to };
  }
  const kind = kinds.get(name);
  if (!kind) return undefined;
  const to = kind.to === undefined ? undefined : mail.mailboxes.byRole(account, kind.to);
  return kind.to !== undefined && !to ? undefined : { kind, to };
}

/** Inside a write. */
function perform(
  { mail, undo }: WebmailContext,
  transaction: Transaction,
  { account }: Reader,
  { emails, from, count, noun }: Chosen,
  { kind, to }: { kind: ActKind; to: MailboxRow | undefined },
): number {
  const before: { id: number; mailboxes?: number[]; keywords?: string[] }[] = [];
  for (const id of emails) {
    const email = mail.emails.get(account, id);
    if (!email) continue;
    const mailboxes = mail.emails.mailboxesOf(id);
    const keywords = mail.emails.keywordsOf(id);
    const marked = new Set(keywords);
    if (kind.remove !== undefined) marked.delete(kind.remove);
    if (kind.add !== undefined) marked.add(kind.add);
    const isMarked = marked.size !== keywords.length || keywords.some((keyword) => !marked.has(keyword));
    if (isMarked) mail.emails.setKeywords(transaction, email, [...marked]);
    if (to) {
      const kept =
        from && kind.to !== "trash" && kind.to !== "junk" ? mailboxes.filter((one) => one !== from.id) : [];
      // Read again: whether it is unread may have changed just now.
      const current = mail.emails.get(account, id) ?? email;
      mail.emails.setMailboxes(transaction, current, [...new Set([...kept, to.id])]);
    }
    before.push({ id, ...(to && { mailboxes }), ...(isMarked && { keywords }) });
  }
  const words = `${count} ${noun}${count === 1 ? "" : "s"} ${kind.done}.`;
  return undo.note(transaction, account, words, { kind: "restore", emails: before });
}

async function takeBack(
  webmail: WebmailContext,
  reader: Reader,
  act: number,
  reversal: Reversal,
  next: string | null,
): Promise<Response> {
  const { mail, undo } = webmail;
  const { account } = reader;
  if (reversal.kind === "unsend") {
    try {
      await unsend(webmail, reader, formatId("submission", reversal.submission));
    } catch (error) {
      if (error instanceof RefusedError) return backTo(next, { words: "sent" });
      throw error;
    }
    await mail.database.write(() => undo.remove(act));
    return redirectTo(`/compose?draft=${formatId("email", reversal.email)}&said=undone`);
  }
  await mail.database.write((transaction) => {
    const there = new Set(mail.mailboxes.list(account).map(({ id }) => id));
    for (const { id, mailboxes, keywords } of reversal.emails) {
      const email = mail.emails.get(account, id);
      if (!email) continue;
      if (keywords) mail.emails.setKeywords(transaction, email, keywords);
      const places = (mailboxes ?? []).filter((mailbox) => there.has(mailbox));
      const current = mail.emails.get(account, id) ?? email;
      if (places.length > 0) mail.emails.setMailboxes(transaction, current, places);
    }
    undo.remove(act);
  });
  return backTo(next, { words: "undone" });
}

/** Calls back what is not on its way yet: it is a draft again. Throws RefusedError. */
export async function unsend(webmail: WebmailContext, reader: Reader, submission: string): Promise<void> {
  const { mail } = webmail;
  const drafts = mail.mailboxes.byRole(reader.account, "drafts");
  const mailbox = drafts ? { mailboxIds: { [formatId("mailbox", drafts.id)]: true } } : {};
  await callJmap(webmail, reader, [
    "EmailSubmission/set",
    {
      update: { [submission]: { undoStatus: "canceled" } },
      onSuccessUpdateEmail: { [submission]: { ...mailbox, "keywords/$draft": true } },
    },
  ]);
}

/** Emails that are deleted in one write: others have their turn between two. */
const atOnce = 100;

/** `mailbox`: only out of there; what lies elsewhere too stays there. */
async function destroy(
  mail: MailContext,
  account: number,
  emails: readonly number[],
  mailbox?: number,
): Promise<void> {
  for (let start = 0; start < emails.length; start += atOnce) {
    await mail.database.write((transaction) => {
      for (const id of emails.slice(start, start + atOnce)) {
        const email = mail.emails.get(account, id);
        if (!email) continue;
        const others = mail.emails.mailboxesOf(id).filter((one) => one !== mailbox);
        if (mailbox === undefined || others.length === 0) mail.emails.remove(transaction, email);
        else mail.emails.setMailboxes(transaction, email, others);
      }
    });
  }
  mail.collectSoon();
}

function confirmDestroy({ emails, count, noun }: Chosen, next: string | null): MailPage {
  const what = `${count} ${noun}${count === 1 ? "" : "s"}`;
  return {
    title: "Delete for good?",
    body: html`<div class="sheet"><h1>Delete ${what} for good?</h1>
<p>This cannot be taken back.</p>
<form method="post" action="/destroy">
${emails.map((id) => html`<input type="hidden" name="email" value="${formatId("email", id)}">`)}
<input type="hidden" name="next" value="${nextPath(next)}">
<button>Delete for good</button> <a class="button quiet" href="${nextPath(next)}">Keep</a>
</form></div>`,
  };
}

/** Trash and spam alone are emptied. */
function emptiable(mail: MailContext, { account }: Reader, id: string | undefined): MailboxRow | undefined {
  const mailbox = findMailbox(mail, account, id ?? "");
  return mailbox?.role === "trash" || mailbox?.role === "junk" ? mailbox : undefined;
}

function confirmEmpty({ id, name, emails }: MailboxRow): MailPage {
  return {
    title: `Empty ${name}?`,
    mailbox: id,
    body: html`<div class="sheet"><h1>Empty ${name}?</h1>
<p>${emails === 1 ? "One message is" : `${emails} messages are`} deleted for good. This cannot be taken back.</p>
<form method="post" action="/empty">
<input type="hidden" name="in" value="${formatId("mailbox", id)}">
<button>Delete ${emails === 1 ? "it" : `all ${emails}`}</button> <a class="button quiet" href="/box/${formatId("mailbox", id)}">Keep</a>
</form></div>`,
  };
}

import type { Context } from "hono";
import { html } from "hono/html";
import { nextPath } from "../../../../gate/next-path.ts";
import { createTurns } from "../../../../host/turns.ts";
import type { HttpEnv } from "../../../../http/request-context.ts";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId, parseId } from "../../jmap/ids.ts";
import type { MailboxRow } from "../../mailbox/mailbox-store.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import { wantsPictures } from "../html/frame.ts";
import type { MailRoutes } from "../mail-routes.ts";
import type { MailPage, Reader, WebmailContext } from "../webmail-context.ts";
import { notThere } from "../words-page.ts";
import { showMessage, type Viewed } from "./message-view.ts";
import { subjectOf } from "./rows.ts";
import { formatCursor, parseCursor } from "./thread-lists.ts";
import { tools } from "./tools.ts";

/** Messages of a thread on one page; the newest are on the first. */
const mostShown = 25;

/** A conversation, the oldest message first; what was not read yet is open, and read by it. */
export function mountThreads(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail, lists } = webmail;
  routes.page("/thread/:thread", async (c, reader) => {
    const thread = parseId("thread", c.req.param("thread") ?? "");
    const before = parseCursor(c.req.query("before"));
    const found = thread === undefined ? [] : lists.emailsOf(reader.account, thread, before, mostShown + 1);
    if (thread === undefined || found.length === 0) return notThere("There is no such conversation.");
    const emails = found
      .slice(0, mostShown)
      .toReversed()
      .flatMap((id) => mail.emails.get(reader.account, id) ?? []);
    const viewed = emails.map((email) => view(webmail, c, email, emails.at(-1)?.id));
    // By the page that a person opened; a browser that only fetches ahead has read nothing.
    if (c.req.method === "GET" && !isPrefetch(c)) await markRead(webmail, reader, viewed);
    return await threadPage(webmail, c, reader, { thread, viewed, hasEarlier: found.length > mostShown });
  });
}

const isPrefetch = (c: Context<HttpEnv>): boolean =>
  (c.req.header("sec-purpose") ?? c.req.header("purpose") ?? "").includes("prefetch");

function view(
  { mail }: WebmailContext,
  c: Context<HttpEnv>,
  email: EmailRow,
  newest: number | undefined,
): Viewed {
  const id = formatId("email", email.id);
  const opened = c.req.query("open");
  return {
    email,
    fields: JSON.parse(email.fields) as EmailFields,
    keywords: mail.emails.keywordsOf(email.id),
    isOpen: email.unread === 1 || opened === id || (opened === undefined && email.id === newest),
    asText: c.req.queries("text")?.includes(id) ?? false,
    pictures: wantsPictures(c) && (c.req.queries("pictures")?.includes(id) ?? false),
  };
}

async function markRead({ mail }: WebmailContext, reader: Reader, viewed: readonly Viewed[]): Promise<void> {
  const unread = viewed.filter(({ email, isOpen }) => isOpen && email.unread === 1);
  if (unread.length === 0) return;
  await mail.database.write((transaction) => {
    for (const { email } of unread) {
      const row = mail.emails.get(reader.account, email.id);
      if (row) mail.emails.setKeywords(transaction, row, [...mail.emails.keywordsOf(row.id), "$seen"]);
    }
  });
}

interface OpenThread {
  readonly thread: number;
  readonly viewed: readonly Viewed[];
  readonly hasEarlier: boolean;
}

async function threadPage(
  webmail: WebmailContext,
  c: Context<HttpEnv>,
  reader: Reader,
  { thread, viewed, hasEarlier }: OpenThread,
): Promise<MailPage> {
  const { mail } = webmail;
  const from = nextPath(c.req.query("from"));
  const mailboxes = mail.mailboxes.list(reader.account);
  const mailbox = mailboxOf(mailboxes, from);
  const [oldest] = viewed;
  const subject = subjectOf(viewed.at(-1)?.fields.subject ?? null);
  const { pathname, search } = new URL(c.req.url);
  const here = `${pathname}${search}`;
  const earlier = new URLSearchParams({
    from,
    before: oldest ? formatCursor({ time: oldest.email.receivedAt, email: oldest.email.id }) : "",
  });
  const turns = createTurns();
  const messages: Markup[] = [];
  const firstOpen = viewed.findIndex(({ isOpen }) => isOpen);
  for (const [index, one] of viewed.entries()) {
    await turns();
    // A list leads here, past what was read before.
    if (index === firstOpen && index > 0) messages.push(html`<span class="new" id="new"></span>`);
    messages.push(await showMessage(webmail, reader, one, here));
  }
  return {
    title: subject,
    ...(mailbox && { mailbox: mailbox.id }),
    body: html`<form class="list thread-tools" method="post" action="/act">
<a class="back" href="${from}#row-${from.startsWith("/search") ? (c.req.query("open") ?? "") : formatId("thread", thread)}" data-key="Escape"><span aria-hidden="true">‹</span> Back</a>
<input type="hidden" name="thread" value="${formatId("thread", thread)}">
${mailbox ? html`<input type="hidden" name="in" value="${formatId("mailbox", mailbox.id)}">` : ""}
<input type="hidden" name="next" value="${from}">
<input type="hidden" name="here" value="${here}">
${tools(mailboxes, mailbox, { isFlagged: viewed.some(({ keywords }) => keywords.includes("$flagged")) })}
</form>
<div class="thread"><h1 dir="auto">${subject}</h1>
${hasEarlier ? html`<p class="pager"><a href="${pathname}?${earlier.toString()}">Earlier messages</a></p>` : ""}
${messages}
</div>`,
  };
}

/** The mailbox from whose list the thread was opened. */
function mailboxOf(mailboxes: readonly MailboxRow[], from: string): MailboxRow | undefined {
  const [, id] = /^\/box\/(m\d{1,15})(?:\?|$)/.exec(from) ?? [];
  if (id !== undefined) return mailboxes.find((row) => row.id === parseId("mailbox", id));
  return from === "/" || from.startsWith("/?") ? mailboxes.find(({ role }) => role === "inbox") : undefined;
}

import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../../../http/request-context.ts";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId } from "../../jmap/ids.ts";
import { findMailbox } from "../../jmap/mailbox-methods.ts";
import type { MailboxRow } from "../../mailbox/mailbox-store.ts";
import { boxPath } from "../mailbox-list.ts";
import type { MailRoutes } from "../mail-routes.ts";
import type { MailPage, Reader, WebmailContext } from "../webmail-context.ts";
import { notThere } from "../words-page.ts";
import { noteOfSending } from "../writing/sending-state.ts";
import { threadPath, threadRows } from "./rows.ts";
import { formatCursor, type ListPage, parseCursor } from "./thread-lists.ts";
import { tools } from "./tools.ts";

/** The threads of a mailbox, the newest first, 50 a page. */
export function mountLists(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail } = webmail;
  routes.page("/", (c, reader) => {
    const inbox = mail.mailboxes.byRole(reader.account, "inbox");
    return inbox ? listPage(webmail, c, reader, inbox) : notThere("There is no inbox.");
  });
  routes.page("/box/:mailbox", (c, reader) => {
    const mailbox = findMailbox(mail, reader.account, c.req.param("mailbox") ?? "");
    return mailbox ? listPage(webmail, c, reader, mailbox) : notThere("There is no such folder.");
  });
}

function listPage(
  webmail: WebmailContext,
  c: Context<HttpEnv>,
  reader: Reader,
  mailbox: MailboxRow,
): MailPage {
  const { mail, lists } = webmail;
  const before = parseCursor(c.req.query("before"));
  const found = lists.inMailbox(mailbox.id, before);
  const path = mailbox.role === "inbox" ? "/" : boxPath(mailbox);
  const here = before ? `${path}?before=${formatCursor(before)}` : path;
  const isOwn = mailbox.role === "sent" || mailbox.role === "drafts";
  return {
    title: mailbox.name,
    mailbox: mailbox.id,
    body: html`<div class="above"><h1>${mailbox.name}</h1>${emptyButton(mailbox)}</div>
${
  found.rows.length === 0
    ? html`<div id="rows" class="empty"><p>${before ? "There is nothing further back." : emptyWords(mailbox)}</p></div>`
    : html`<form class="list" method="post" action="/act">
<input type="hidden" name="in" value="${formatId("mailbox", mailbox.id)}">
<input type="hidden" name="next" value="${here}">
${tools(mail.mailboxes.list(reader.account), mailbox)}
${threadRows(found.rows, {
  reader,
  now: mail.now(),
  showsRecipients: isOwn,
  hrefOf: (row) =>
    mailbox.role === "drafts" && row.count === 1
      ? `/compose?draft=${formatId("email", row.email)}`
      : `${threadPath(row, here)}${row.count > 1 ? "#new" : ""}`,
  valueOf: ({ thread }) => ({ name: "thread", value: formatId("thread", thread) }),
  noteOf: (row) => (mailbox.role === "sent" ? noteOfSending(mail, reader.account, row.email) : ""),
})}
</form>`
}
${pager(path, before !== undefined, found)}`,
  };
}

/** Links to the newest and to the next page. */
export function pager(path: string, isDeep: boolean, { next }: Pick<ListPage, "next">): Markup {
  const mark = path.includes("?") ? "&" : "?";
  return html`<nav class="pager" id="pager" aria-label="Pages">${isDeep ? html`<a href="${path}">Newest</a>` : ""}${
    next ? html`<a href="${path}${mark}before=${formatCursor(next)}" rel="next">Older</a>` : ""
  }</nav>`;
}

function emptyButton({ role, id, emails }: MailboxRow): Markup | string {
  if ((role !== "trash" && role !== "junk") || emails === 0) return "";
  return html`<a class="button quiet" href="/empty?in=${formatId("mailbox", id)}">Empty it</a>`;
}

function emptyWords({ role }: MailboxRow): string {
  switch (role) {
    case "inbox":
      return "Nothing here: you have seen to all of it. What arrives shows up by itself.";
    case "drafts":
      return "No drafts. What you begin to write and do not send is kept here.";
    case "sent":
      return "You have not sent anything yet.";
    case "archive":
      return "Nothing is archived. What you are done with and want to keep goes here.";
    case "junk":
      return "No spam. Good.";
    case "trash":
      return "The trash is empty.";
    default:
      return "Nothing lies in this folder. Tick lines in another one and move them here.";
  }
}

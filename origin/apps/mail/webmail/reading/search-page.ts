import { html } from "hono/html";
import { createTurns } from "../../../../host/turns.ts";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId } from "../../jmap/ids.ts";
import { marksOf, type Snippet, snippetOf } from "../../jmap/search-snippet.ts";
import type { MailContext } from "../../mail-context.ts";
import type { MailboxRow } from "../../mailbox/mailbox-store.ts";
import type { MailRoutes } from "../mail-routes.ts";
import type { WebmailContext } from "../webmail-context.ts";
import { pager } from "./list-page.ts";
import { threadPath, threadRows } from "./rows.ts";
import { searchEmails } from "./search-emails.ts";
import { readSearch, type SearchTerm } from "./search-terms.ts";
import { formatCursor, parseCursor } from "./thread-lists.ts";
import { tools } from "./tools.ts";

const longest = 1000;

/** Messages that hold what was asked for, wherever they lie, the newest first. */
export function mountSearch(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail, lists } = webmail;
  routes.page("/search", async (c, reader) => {
    const query = (c.req.query("q") ?? "").slice(0, longest).toWellFormed().trim();
    const before = parseCursor(c.req.query("before"));
    const mailboxes = mail.mailboxes.list(reader.account);
    const { terms, problems } = readSearch(query, mailboxes, reader.zone);
    const found =
      terms.length === 0
        ? { emails: [], next: undefined }
        : await searchEmails(mail, reader.account, terms, before);
    const rows = lists.ofEmails(found.emails);
    const path = `/search?q=${encodeURIComponent(query)}`;
    const here = before ? `${path}&before=${formatCursor(before)}` : path;
    return {
      title: query === "" ? "Search" : `Search: ${query}`,
      search: query,
      body: html`<div class="above"><h1>${query === "" ? "Search" : html`Found for “${query}”`}</h1></div>
${problems.map((problem) => html`<p class="alert" role="alert">${problem}</p>`)}
${
  rows.length === 0
    ? html`<div id="rows" class="empty"><p>${
        terms.length === 0
          ? "What are you looking for?"
          : "No message holds that. Fewer words find more, and the beginning of one is enough."
      }</p>${hints}</div>`
    : html`<form class="list" method="post" action="/act">
<input type="hidden" name="next" value="${here}">
${tools(mailboxes, undefined)}
${threadRows(rows, {
  reader,
  now: mail.now(),
  showsRecipients: false,
  snippets: await snippetsOf(mail, reader.account, found.emails, terms),
  noteOf: ({ email }) => placeOf(mail.emails.mailboxesOf(email), mailboxes),
  hrefOf: (row) =>
    `${threadPath(row, here)}&open=${formatId("email", row.email)}#${formatId("email", row.email)}`,
  valueOf: ({ email }) => ({ name: "email", value: formatId("email", email) }),
})}
</form>`
}
${pager(path, before !== undefined, found)}`,
    };
  });
}

/** Where it lies, if not in the inbox. */
function placeOf(lying: readonly number[], mailboxes: readonly MailboxRow[]): Markup | string {
  const names = mailboxes
    .filter(({ id, role }) => lying.includes(id) && role !== "inbox")
    .map(({ name }) => name);
  return names.length === 0 ? "" : html`<span class="place">${names.join(", ").slice(0, 60)}</span>`;
}

/** The words that were looked for, where they stand in each email. */
async function snippetsOf(
  mail: MailContext,
  account: number,
  emails: readonly number[],
  terms: readonly SearchTerm[],
): Promise<ReadonlyMap<number, Snippet>> {
  const conditions = terms.filter(({ isNot }) => !isNot).map(({ condition }) => condition);
  const marks = marksOf({ operator: "AND", conditions });
  const turns = createTurns();
  const found = new Map<number, Snippet>();
  for (const id of emails) {
    await turns();
    const email = mail.emails.get(account, id);
    if (email) found.set(id, snippetOf(mail, email, marks));
  }
  return found;
}

export const hints = html`<dl class="hints">
<div><dt><code>picnic lake</code></dt><dd>both words, or words that begin so</dd></div>
<div><dt><code>"by the lake"</code></dt><dd>the words as they stand</dd></div>
<div><dt><code>from:ada to:ben subject:lake</code></dt><dd>in that part of the message; also cc: and body:</dd></div>
<div><dt><code>has:attachment</code></dt><dd>with a file</dd></div>
<div><dt><code>in:archive is:unread is:flagged</code></dt><dd>where it lies, and how it is marked</dd></div>
<div><dt><code>after:2026-05-01 before:2026-06-01</code></dt><dd>when it came</dd></div>
<div><dt><code>-from:ada</code></dt><dd>a minus leaves out</dd></div>
</dl>`;

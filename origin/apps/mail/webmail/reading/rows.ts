import { html, raw } from "hono/html";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId } from "../../jmap/ids.ts";
import type { Snippet } from "../../jmap/search-snippet.ts";
import type { EmailAddress } from "../../message/header-forms.ts";
import type { Reader } from "../webmail-context.ts";
import type { ListedThread } from "./thread-lists.ts";

export interface RowOptions {
  readonly reader: Reader;
  readonly now: number;
  /** Of mailboxes of what one has written, to whom counts. */
  readonly showsRecipients: boolean;
  /** Where a line leads. */
  readonly hrefOf: (row: ListedThread) => string;
  /** The field that a ticked line sends. */
  readonly valueOf: (row: ListedThread) => { readonly name: "thread" | "email"; readonly value: string };
  /** What else is said of a line: `failed`, or where it lies. */
  readonly noteOf?: (row: ListedThread) => Markup | string;
  /** Of what a search has found, by its email: the words that were looked for, where they stand. */
  readonly snippets?: ReadonlyMap<number, Snippet>;
}

export function threadRows(rows: readonly ListedThread[], options: RowOptions): Markup {
  return html`<ul class="threads${options.snippets ? " found" : ""}" id="rows">${rows.map((row) => threadRow(row, options))}</ul>`;
}

function threadRow(row: ListedThread, options: RowOptions): Markup {
  const { reader, now, showsRecipients, hrefOf, valueOf, noteOf } = options;
  const { name, value } = valueOf(row);
  const found = options.snippets?.get(row.email);
  const subject = subjectOf(row.subject);
  const who = showsRecipients
    ? html`To: ${namesOf(row.to, reader.address) ?? "nobody yet"}`
    : (namesOf(row.senders, reader.address) ?? "(no sender)");
  return html`<li id="row-${value}"${row.isUnread ? html` class="unread"` : ""}>
<label class="tick"><input type="checkbox" name="${name}" value="${value}" aria-label="Choose “${subject}”"></label>
<a href="${hrefOf(row)}"><span class="who">${row.isUnread ? html`<span class="unseen">Unread. </span>` : ""}<span class="names">${who}</span>${
    row.count > 1 ? html` <span class="count">${row.count}<span class="unseen"> messages</span></span>` : ""
  }</span><span class="about">${row.isDraft ? html`<em>Draft</em> ` : ""}<bdi class="subject">${found?.subject ? raw(found.subject) : subject}</bdi> <bdi class="preview">${found?.preview ? raw(found.preview) : row.preview}</bdi></span><span class="marks">${
    noteOf?.(row) ?? ""
  }${row.isFlagged ? html`<span class="flag" title="Flagged">★<span class="unseen"> Flagged</span></span>` : ""}${
    row.hasAttachment ? html`<span title="Attachment">📎<span class="unseen"> Attachment</span></span>` : ""
  }${reader.zone.short(row.receivedAt, now)}</span></a></li>`;
}

export const subjectOf = (subject: string | null): string =>
  subject === null || subject.trim() === "" ? "(no subject)" : subject;

/** Characters of a name: the line has room for no more. */
const longestName = 100;

/** Names without addresses, oneself as `me`, each in its own direction; undefined where there are none. */
export function namesOf(addresses: readonly EmailAddress[], own: string): Markup | undefined {
  if (addresses.length === 0) return undefined;
  return html`${addresses.slice(0, 5).map(({ name, email }, index) => {
    const called = email.toLowerCase() === own ? "me" : (name ?? email);
    return html`${index > 0 ? ", " : ""}<bdi>${called.slice(0, longestName)}</bdi>`;
  })}`;
}

export const threadPath = (row: Pick<ListedThread, "thread">, from: string): string =>
  `/thread/${formatId("thread", row.thread)}?from=${encodeURIComponent(from)}`;

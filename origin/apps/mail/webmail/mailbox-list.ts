import { html } from "hono/html";
import type { Markup } from "../../../pages/layout.ts";
import { formatId } from "../jmap/ids.ts";
import type { MailboxRow } from "../mailbox/mailbox-store.ts";

export interface PlacedMailbox extends MailboxRow {
  /** How deep it lies in others. */
  readonly depth: number;
}

/** Mailboxes as they are shown: those with a role first, each with what lies in it below. */
export function placeMailboxes(rows: readonly MailboxRow[]): PlacedMailbox[] {
  const children = new Map<number | null, MailboxRow[]>();
  for (const row of rows) children.set(row.parent, [...(children.get(row.parent) ?? []), row]);
  const below = (parent: number | null, depth: number): PlacedMailbox[] =>
    (children.get(parent) ?? [])
      .toSorted((one, other) => Number(one.role === null) - Number(other.role === null))
      .flatMap((row) => [{ ...row, depth }, ...below(row.id, depth + 1)]);
  return below(null, 0);
}

export const boxPath = ({ id }: Pick<MailboxRow, "id">): string => `/box/${formatId("mailbox", id)}`;

/** Of drafts and what lies in the trash, how many there are matters; of the rest, what is unread. */
function countOf({ role, unreadThreads, emails }: MailboxRow): number {
  if (role === "drafts") return emails;
  return role === "trash" || role === "sent" || role === "junk" ? 0 : unreadThreads;
}

export function boxList(rows: readonly MailboxRow[], current: number | undefined): Markup {
  return html`<ul>${placeMailboxes(rows).map((row) => {
    const count = countOf(row);
    const what = row.role === "drafts" ? "drafts" : "unread";
    return html`<li class="depth-${Math.min(row.depth, 4)}"><a href="${row.role === "inbox" ? "/" : boxPath(row)}"${
      row.id === current ? html` aria-current="page"` : ""
    }><span>${row.name}</span>${count > 0 ? html`<b>${count}<span class="unseen"> ${what}</span></b>` : ""}</a></li>`;
  })}</ul>
<ul class="others"><li><a href="/folders">Folders</a></li><li><a href="/rules">Rules</a></li><li><a href="/settings">Settings</a></li><li><a href="/help">Help</a></li></ul>`;
}

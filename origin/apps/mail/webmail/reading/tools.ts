import { html } from "hono/html";
import type { Markup } from "../../../../pages/layout.ts";
import { formatId } from "../../jmap/ids.ts";
import type { MailboxRow } from "../../mailbox/mailbox-store.ts";
import { placeMailboxes } from "../mailbox-list.ts";

/** What can be done with the lines that are ticked, or with the thread that is `opened`: it is read, and flagged or not. */
export function tools(
  mailboxes: readonly MailboxRow[],
  mailbox: MailboxRow | undefined,
  opened?: { readonly isFlagged: boolean },
): Markup {
  const role = mailbox?.role;
  const button = (act: string, words: string, key?: string): Markup =>
    html`<button name="act" value="${act}"${key === undefined ? "" : html` data-key="${key}"`}>${words}</button>`;
  const isAway = role === "trash" || role === "junk";
  return html`<div class="tools" role="toolbar" aria-label="With what is chosen">
<label class="all" hidden><input type="checkbox" data-all> All</label>
${role === "archive" || isAway ? button("inbox", "To the inbox", "e") : button("archive", "Archive", "e")}
${role === "trash" ? button("destroy", "Delete for good", "#") : button("trash", "Delete", "#")}
${opened ? "" : button("read", "Read", "I")}
${button("unread", "Unread", "u")}
${opened?.isFlagged ? "" : button("flag", "Flag", "s")}
${opened && !opened.isFlagged ? "" : button("unflag", "No flag", opened && "s")}
${role === "junk" ? button("notjunk", "No spam", "!") : button("junk", "Spam", "!")}
<span class="move"><label class="unseen" for="to">Move to</label><select id="to" name="to"><option value="">Move to…</option>${placeMailboxes(
    mailboxes,
  )
    .filter(({ id, role: itsRole }) => id !== mailbox?.id && itsRole !== "drafts" && itsRole !== "sent")
    .map(
      ({ id, name, depth }) =>
        html`<option value="${formatId("mailbox", id)}">${"– ".repeat(depth)}${name}</option>`,
    )}</select>${button("move", "Move", "v")}</span>
</div>`;
}

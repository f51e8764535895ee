import { redirectTo } from "../../../pages/redirect.ts";
import { formatId } from "../jmap/ids.ts";
import { callJmap, RefusedError } from "./jmap-client.ts";
import { backTo, type MailRoutes } from "./mail-routes.ts";
import type { Act, Restored } from "./undo-store.ts";
import type { Reader, WebmailContext } from "./webmail-context.ts";

/** Emails of one write: others have their turn between two. */
const atOnce = 100;

/** Undo: each email where it lay and marked as it was, or a message that is not on its way yet. */
export function mountTakeBack(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail, undo } = webmail;

  routes.act("/undo", async (_c, reader, fields) => {
    const next = fields.get("next");
    const act = undo.find(reader.account, Number(fields.get("act")) || 0);
    if (!act) return backTo(next, { words: "late" });
    const { reversal } = act;
    if (reversal.kind === "restore") {
      await restore(webmail, reader.account, act, reversal.emails);
      return backTo(next, { words: "undone" });
    }
    try {
      await unsend(webmail, reader, formatId("submission", reversal.submission));
    } catch (error) {
      if (error instanceof RefusedError) return backTo(next, { words: "sent" });
      throw error;
    }
    await mail.database.write(() => undo.remove(act.id));
    return redirectTo(`/compose?draft=${formatId("email", reversal.email)}&said=undone`);
  });

  routes.act("/unsend", async (_c, reader, fields) => {
    try {
      await unsend(webmail, reader, fields.get("submission") ?? "");
      return redirectTo("/?said=undone");
    } catch (error) {
      if (error instanceof RefusedError) return redirectTo("/?said=sent");
      throw error;
    }
  });
}

/** What was deleted or whose mailbox has gone since is left alone. */
async function restore(
  { mail, undo }: WebmailContext,
  account: number,
  act: Act,
  emails: readonly Restored[],
): Promise<void> {
  for (let start = 0; start < emails.length; start += atOnce) {
    await mail.database.write((transaction) => {
      const there = new Set(mail.mailboxes.list(account).map(({ id }) => id));
      for (const { id, mailboxes = [], keywords } of emails.slice(start, start + atOnce)) {
        const email = mail.emails.get(account, id);
        if (!email) continue;
        if (keywords) mail.emails.setKeywords(transaction, email, keywords);
        const places = mailboxes.filter((mailbox) => there.has(mailbox));
        const current = mail.emails.get(account, id) ?? email;
        if (places.length > 0) mail.emails.setMailboxes(transaction, current, places);
      }
      if (start + atOnce >= emails.length) undo.remove(act.id);
    });
  }
}

/** Calls back what is not on its way yet: it is a draft again. Throws RefusedError. */
async function unsend(webmail: WebmailContext, reader: Reader, submission: string): Promise<void> {
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

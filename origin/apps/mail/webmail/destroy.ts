import { html } from "hono/html";
import { nextPath } from "../../../gate/next-path.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { formatId, parseId } from "../jmap/ids.ts";
import { findMailbox } from "../jmap/mailbox-methods.ts";
import type { MailContext } from "../mail-context.ts";
import type { MailboxRow } from "../mailbox/mailbox-store.ts";
import type { Chosen } from "./acts.ts";
import { backTo, type MailRoutes } from "./mail-routes.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";
import { notThere } from "./words-page.ts";

/** Emails that one form names. */
const mostNamed = 2000;

/** What cannot be taken back, and is asked about before. */
export function mountDestroy({ mail }: WebmailContext, routes: MailRoutes): void {
  routes.act("/destroy", async (_c, { account }, fields) => {
    const named = fields.getAll("email").slice(0, mostNamed);
    await destroy(
      mail,
      account,
      named.flatMap((id) => parseId("email", id) ?? []),
    );
    return backTo(fields.get("next"), { words: "deleted" });
  });

  routes.page(
    "/empty",
    (c, reader) => {
      const mailbox = emptiable(mail, reader, c.req.query("in"));
      return mailbox ? confirmEmpty(mailbox) : notThere("There is no such folder to empty.");
    },
    async (_c, reader, fields) => {
      const mailbox = emptiable(mail, reader, fields.get("in") ?? undefined);
      if (!mailbox) return notThere("There is no such folder to empty.");
      await destroy(mail, reader.account, mail.emails.idsIn(mailbox.id), mailbox.id);
      return redirectTo(`/box/${formatId("mailbox", mailbox.id)}?said=emptied`);
    },
  );
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

export function confirmDestroy({ emails, count, noun }: Chosen, next: string | null): MailPage {
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

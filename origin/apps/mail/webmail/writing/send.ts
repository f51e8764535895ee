import { callJmap, createdId, RefusedError } from "../jmap-client.ts";
import type { Reader, WebmailContext } from "../webmail-context.ts";
import { formatId, parseId } from "../../jmap/ids.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import { type Draft, identityOf } from "./draft.ts";
import { readRecipients } from "./recipients.ts";

/** Seconds for which a message is held, so that it can be called back. */
const holdSeconds = 10;

/**
 * Sends what was kept as a draft, by the same rules and into the same queue as a mail program's: it lies in Sent from
 * then on. The number by which it is taken back. Throws RefusedError, and the draft stays.
 */
export async function sendDraft(
  webmail: WebmailContext,
  reader: Reader,
  draft: Draft,
  email: EmailRow,
  form: string,
): Promise<number> {
  const { mail, undo } = webmail;
  const { account } = reader;
  const recipients = [draft.to, draft.cc, draft.bcc].flatMap(readRecipients);
  const wrong = recipients.find((one) => !/^[^\s@]+@[^\s@]+$/.test(one.email));
  if (wrong)
    throw new RefusedError({ type: "invalidRecipients", description: `“${wrong.email}” is no address.` });
  const identity = identityOf(mail, account, draft);
  const sent = mail.mailboxes.byRole(account, "sent");
  const isAnswered = answeredBy(webmail, account, email);
  const [submitted] = await callJmap(
    webmail,
    reader,
    [
      "EmailSubmission/set",
      {
        create: {
          send: {
            identityId: formatId("identity", identity?.id ?? 0),
            emailId: formatId("email", email.id),
            envelope: {
              mailFrom: {
                email: identity?.email ?? reader.address,
                parameters: { HOLDFOR: String(holdSeconds) },
              },
              rcptTo: recipients.map((one) => ({ email: one.email })),
            },
          },
        },
        onSuccessUpdateEmail: {
          "#send": {
            ...(sent && { mailboxIds: { [formatId("mailbox", sent.id)]: true } }),
            "keywords/$draft": null,
            "keywords/$seen": true,
          },
        },
      },
    ],
    ...(isAnswered === undefined
      ? []
      : ([["Email/set", { update: { [isAnswered]: { "keywords/$answered": true } } }]] as const)),
  );
  const submission = parseId("submission", createdId(submitted, "send")) ?? 0;
  const to = recipients.length === 1 ? recipients[0]?.email : `${recipients.length} people`;
  return await mail.database.write((transaction) =>
    undo.note(
      transaction,
      account,
      `Sent to ${to}.`,
      { kind: "unsend", submission, email: email.id },
      form || undefined,
    ),
  );
}

/** The email of the same thread that it answers. */
function answeredBy({ mail, lists }: WebmailContext, account: number, email: EmailRow): string | undefined {
  const [wanted] = (JSON.parse(email.fields) as EmailFields).inReplyTo ?? [];
  if (wanted === undefined) return undefined;
  const found = lists
    .emailsOf(account, email.thread, undefined, 200)
    .find((id) =>
      (JSON.parse(mail.emails.get(account, id)?.fields ?? "{}") as Partial<EmailFields>).messageId?.includes(
        wanted,
      ),
    );
  return found === undefined ? undefined : formatId("email", found);
}

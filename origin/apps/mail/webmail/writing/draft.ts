import { createdId, callJmap } from "../jmap-client.ts";
import type { Reader, WebmailContext } from "../webmail-context.ts";
import { formatBlobId, formatId, parseBlobId, parseId } from "../../jmap/ids.ts";
import type { MailContext } from "../../mail-context.ts";
import type { EmailFields } from "../../mailbox/email-fields.ts";
import type { EmailRow } from "../../mailbox/email-store.ts";
import { listBodies } from "../../message/body-lists.ts";
import type { IdentityRow } from "../../sending/identity-store.ts";
import { flow, flowedType, unflow } from "../flowed.ts";
import { readRecipients, writeRecipients } from "./recipients.ts";

/** A file that goes with a message: an upload, or a part of a message that lies here. */
export interface Attachment {
  readonly blobId: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** A message that is being written, as its form has it. */
export interface Draft {
  /** The email that it was kept as last. */
  readonly email: number | undefined;
  /** The email that it answers. */
  readonly answers: number | undefined;
  readonly identity: number | undefined;
  readonly to: string;
  readonly cc: string;
  readonly bcc: string;
  readonly subject: string;
  readonly body: string;
  readonly attachments: readonly Attachment[];
}

export const emptyDraft: Draft = {
  email: undefined,
  answers: undefined,
  identity: undefined,
  to: "",
  cc: "",
  bcc: "",
  subject: "",
  body: "",
  attachments: [],
};

const mostAttachments = 100;

/** What a form has sent. */
export function readDraft(fields: URLSearchParams): Draft {
  const line = (name: string): string =>
    (fields.get(name) ?? "")
      .toWellFormed()
      .replaceAll(/[\r\n\0]+/g, " ")
      .slice(0, 50_000);
  return {
    email: parseId("email", fields.get("draft")),
    answers: parseId("email", fields.get("answers")),
    identity: parseId("identity", fields.get("from")),
    to: line("to"),
    cc: line("cc"),
    bcc: line("bcc"),
    subject: line("subject").slice(0, 2000),
    body: (fields.get("body") ?? "").toWellFormed().replaceAll(/\r\n?/g, "\n").replaceAll("\0", ""),
    attachments: fields.getAll("attachment").slice(0, mostAttachments).flatMap(readAttachment),
  };
}

function readAttachment(text: string): Attachment[] {
  let given: Record<string, unknown>;
  try {
    given = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return [];
  }
  const { blobId, name, type, size } = given;
  if (typeof blobId !== "string" || !parseBlobId(blobId)) return [];
  return [
    {
      blobId,
      name: nameOf(name),
      type:
        typeof type === "string" && /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(type)
          ? type
          : "application/octet-stream",
      size: typeof size === "number" && Number.isSafeInteger(size) ? size : 0,
    },
  ];
}

export function nameOf(name: unknown): string {
  const text =
    typeof name === "string"
      ? name
          .toWellFormed()
          .replaceAll(/[\p{Cc}/\\]/gu, " ")
          .trim()
      : "";
  return text === "" ? "attachment" : text.slice(0, 200);
}

/** A draft that lies in the mailbox, to go on with; of another program's too, as plain text. */
export function openDraft(mail: MailContext, email: EmailRow, identities: readonly IdentityRow[]): Draft {
  const fields = JSON.parse(email.fields) as EmailFields;
  const [from] = fields.from ?? [];
  const { root, texts } = mail.emails.bodyOf(email.hash);
  const { textBody } = listBodies(root);
  const body = textBody
    .filter(({ type }) => type === "text/plain")
    .map((part) => unflow(texts[part.partId ?? ""]?.value ?? "", part))
    .join("\n");
  const identity =
    identities.find((one) => one.email === from?.email.toLowerCase() && one.name === (from.name ?? "")) ??
    identities.find((one) => one.email === from?.email.toLowerCase());
  return {
    email: email.id,
    answers: undefined,
    identity: identity?.id,
    to: writeRecipients(fields.to),
    cc: writeRecipients(fields.cc),
    bcc: writeRecipients(fields.bcc),
    subject: fields.subject ?? "",
    body: body.replace(/\n$/, ""),
    attachments: attachmentsOf(mail, email),
  };
}

export function attachmentsOf(mail: MailContext, { hash }: EmailRow): Attachment[] {
  return listBodies(mail.emails.bodyOf(hash).root).attachments.flatMap(({ partId, name, type, size }) =>
    partId === null ? [] : [{ blobId: formatBlobId({ hash, partId }), name: nameOf(name), type, size }],
  );
}

/** What a message answers (RFC 5322 §3.6.4). */
function threadFields(mail: MailContext, account: number, draft: Draft): object {
  const kept = draft.email === undefined ? undefined : mail.emails.get(account, draft.email);
  if (kept) {
    const { inReplyTo, references } = JSON.parse(kept.fields) as EmailFields;
    return { inReplyTo, references };
  }
  const answered = draft.answers === undefined ? undefined : mail.emails.get(account, draft.answers);
  const { messageId, references } = answered ? (JSON.parse(answered.fields) as EmailFields) : {};
  if (!messageId) return {};
  const chain = [...(references ?? []), ...messageId];
  // The first and the newest are enough to find the thread by.
  return {
    inReplyTo: messageId,
    references: chain.length > 20 ? [...chain.slice(0, 1), ...chain.slice(-19)] : chain,
  };
}

/** Keeps it as a draft, in the place of the one before: a new email, since emails never change (RFC 8621 §4). Throws RefusedError. */
export async function saveDraft(webmail: WebmailContext, reader: Reader, draft: Draft): Promise<EmailRow> {
  const { mail } = webmail;
  const { account } = reader;
  const identity = identityOf(mail, account, draft);
  const drafts = mail.mailboxes.byRole(account, "drafts") ?? mail.mailboxes.byRole(account, "inbox");
  const before = draft.email === undefined ? undefined : mail.emails.get(account, draft.email);
  // What was sent meanwhile, in another window, is no draft any more.
  const replaced = before && mail.emails.keywordsOf(before.id).includes("$draft") ? before : undefined;
  const listOf = (text: string) => {
    const list = readRecipients(text);
    return list.length > 0 ? list : null;
  };
  const [answer] = await callJmap(webmail, reader, [
    "Email/set",
    {
      create: {
        draft: {
          mailboxIds: { [formatId("mailbox", drafts?.id ?? 0)]: true },
          keywords: { $draft: true, $seen: true },
          from: [{ name: identity?.name || null, email: identity?.email ?? reader.address }],
          to: listOf(draft.to),
          cc: listOf(draft.cc),
          bcc: listOf(draft.bcc),
          subject: draft.subject,
          ...threadFields(mail, account, draft),
          bodyValues: { text: { value: `${flow(draft.body)}\n` } },
          textBody: [{ partId: "text", "header:Content-Type": flowedType }],
          attachments: draft.attachments.map(({ blobId, name, type }) => ({
            blobId,
            name,
            type,
            disposition: "attachment",
          })),
        },
      },
      ...(replaced && { destroy: [formatId("email", replaced.id)] }),
    },
  ]);
  const id = parseId("email", createdId(answer, "draft"));
  return mail.emails.get(account, id ?? 0) as EmailRow;
}

/** As whom it is written: the chosen one, or the member's first. */
export function identityOf(mail: MailContext, account: number, { identity }: Draft): IdentityRow | undefined {
  const chosen = identity === undefined ? undefined : mail.identities.get(account, identity);
  return chosen ?? mail.identities.list(account)[0];
}

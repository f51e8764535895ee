import type { Program } from "../jmap/house.ts";

/** Puts a message into a mailbox, whole as it stands, as what arrives will be. The email's id. */
export async function fileMessage(
  program: Program,
  raw: string | Uint8Array,
  options: { role?: string; keywords?: readonly string[]; receivedAt?: string } = {},
): Promise<{ email: string; thread: string }> {
  const { role = "inbox", keywords = [], receivedAt } = options;
  const body = typeof raw === "string" ? Buffer.from(raw.replaceAll(/\r?\n/g, "\r\n")) : raw;
  const uploaded = await program.ask({
    method: "POST",
    path: `/jmap/upload/${program.accountId}`,
    body,
    headers: { "content-type": "message/rfc822" },
  });
  const { blobId } = JSON.parse(uploaded.text) as { blobId: string };
  const { list } = (await program.call("Mailbox/get")) as { list: { id: string; role: string }[] };
  const mailbox = list.find((one) => one.role === role)?.id ?? "";
  const { created } = (await program.call("Email/import", {
    emails: {
      it: {
        blobId,
        mailboxIds: { [mailbox]: true },
        keywords: Object.fromEntries(keywords.map((keyword) => [keyword, true])),
        ...(receivedAt !== undefined && { receivedAt }),
      },
    },
  })) as { created: { it: { id: string; threadId: string } } };
  return { email: created.it.id, thread: created.it.threadId };
}

/** A plain message. */
export const plainMessage = (fields: {
  from?: string;
  to?: string;
  subject?: string;
  id?: string;
  inReplyTo?: string;
  text?: string;
}): string => {
  const {
    from = "Ben <ben@example.org>",
    to = "ada@burrow.localhost",
    subject = "Hello",
    id,
    text = "Hello.",
  } = fields;
  return [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    "Date: Mon, 30 Nov 2026 08:00:00 +0000",
    ...(id === undefined ? [] : [`Message-ID: <${id}>`]),
    ...(fields.inReplyTo === undefined ? [] : [`In-Reply-To: <${fields.inReplyTo}>`]),
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    text,
    "",
  ].join("\n");
};

export const htmlMessage = (html: string, subject = "A page"): string =>
  [
    "From: Ben <ben@example.org>",
    "To: ada@burrow.localhost",
    `Subject: ${subject}`,
    "MIME-Version: 1.0",
    "Content-Type: text/html; charset=utf-8",
    "",
    html,
    "",
  ].join("\n");

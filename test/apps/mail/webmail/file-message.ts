import type { Program } from "../jmap/house.ts";

interface Filing {
  readonly role?: string;
  readonly keywords?: readonly string[];
  readonly receivedAt?: string;
}

interface Filed {
  readonly email: string;
  readonly thread: string;
}

/** Puts a message into a mailbox, whole as it stands, as what arrives will be. */
export async function fileMessage(program: Program, raw: string, filing: Filing = {}): Promise<Filed> {
  const [filed] = await fileMessages(program, [{ raw, ...filing }]);
  return filed!;
}

/** The same with many, in their order. */
export async function fileMessages(
  program: Program,
  messages: readonly (Filing & { readonly raw: string })[],
): Promise<Filed[]> {
  const { list } = (await program.call("Mailbox/get")) as { list: { id: string; role: string }[] };
  const upload = async (raw: string): Promise<string> => {
    const { text } = await program.ask({
      method: "POST",
      path: `/jmap/upload/${program.accountId}`,
      body: Buffer.from(raw.replaceAll(/\r?\n/g, "\r\n")),
      headers: { "content-type": "message/rfc822" },
    });
    return (JSON.parse(text) as { blobId: string }).blobId;
  };
  const blobs: string[] = [];
  // At most four at a time may be uploaded.
  for (let start = 0; start < messages.length; start += 4)
    blobs.push(...(await Promise.all(messages.slice(start, start + 4).map(({ raw }) => upload(raw)))));
  const emails = messages.map(({ role = "inbox", keywords = [], receivedAt }, index) => [
    `m${index}`,
    {
      blobId: blobs[index],
      mailboxIds: { [list.find((one) => one.role === role)?.id ?? ""]: true },
      keywords: Object.fromEntries(keywords.map((keyword) => [keyword, true])),
      ...(receivedAt !== undefined && { receivedAt }),
    },
  ]);
  const { created } = (await program.call("Email/import", { emails: Object.fromEntries(emails) })) as {
    created: Record<string, { id: string; threadId: string }>;
  };
  return messages.map((_, index) => {
    const { id, threadId } = created[`m${index}`]!;
    return { email: id, thread: threadId };
  });
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

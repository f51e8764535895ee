import { createTurns } from "../../../host/turns.ts";
import type { MailContext } from "../mail-context.ts";
import type { EmailFields } from "../mailbox/email-fields.ts";
import type { EmailRow } from "../mailbox/email-store.ts";
import type { DecodedText, Message } from "../message/message.ts";
import { checkProperties } from "./account.ts";
import { answerTooLong, longestAnswer } from "./answer-text.ts";
import { invalid } from "./arguments.ts";
import {
  bodyMakers,
  type BodyWish,
  isBodyProperty,
  type ReadBody,
  usualBodyProperties,
} from "./describe-body.ts";
import { answerGet } from "./get.ts";
import { parseHeaderProperty, readHeaderProperty } from "./header-property.ts";
import { formatBlobId, formatId, parseId } from "./ids.ts";
import type { Call } from "./method.ts";

/** Those that stand for header fields (RFC 8621 §4.1.3). */
const fieldProperties = [
  "messageId",
  "inReplyTo",
  "references",
  "sender",
  "from",
  "to",
  "cc",
  "bcc",
  "replyTo",
  "subject",
  "sentAt",
] as const satisfies (keyof EmailFields)[];

/** What is of the message itself, wherever it lies: the default of Email/parse (RFC 8621 §4.9). */
export const messageProperties: readonly string[] = [
  ...fieldProperties,
  "hasAttachment",
  "preview",
  "bodyValues",
  "textBody",
  "htmlBody",
  "attachments",
];

/** RFC 8621 §4.2: without `properties`. */
const usualProperties: readonly string[] = [
  "id",
  "blobId",
  "threadId",
  "mailboxIds",
  "keywords",
  "size",
  "receivedAt",
  ...messageProperties,
];

const otherProperties = new Set(["headers", "bodyStructure"]);

export const isEmailProperty = (name: string): boolean =>
  usualProperties.includes(name) || otherProperties.has(name) || parseHeaderProperty(name) !== undefined;

/** Email/get (RFC 8621 §4.2). */
export function answerEmailGet(mail: MailContext, call: Call): Promise<object> {
  const wish = readBodyWish(call);
  return answerGet<EmailRow>(mail, call, {
    type: "Email",
    properties: usualProperties,
    isOther: isEmailProperty,
    all: undefined,
    find: (account, id) => findEmail(mail, account, id),
    idOf: ({ id }) => formatId("email", id),
    async describe(rows, wanted) {
      const turns = createTurns();
      const emails: Record<string, unknown>[] = [];
      let length = 0;
      for (const row of rows) {
        await turns();
        const email = describeEmail(mail, row, wanted, wish);
        length += lengthOf(email);
        // Before they are held, a thousand of them.
        if (length > longestAnswer) throw answerTooLong();
        emails.push(email);
      }
      return emails;
    },
  });
}

/** Characters of its JSON, about. */
export function lengthOf({ bodyValues, ...email }: Record<string, unknown>): number {
  const texts = Object.values((bodyValues ?? {}) as Record<string, DecodedText>);
  return texts.reduce((length, { value }) => length + value.length, JSON.stringify(email).length);
}

export function findEmail(mail: MailContext, account: number, id: string): EmailRow | undefined {
  const number = parseId("email", id);
  return number === undefined ? undefined : mail.emails.get(account, number);
}

/** The arguments of Email/get and Email/parse that say what of the body is wanted. */
export function readBodyWish(call: Call): BodyWish {
  const bodyProperties = call.args.optionalTexts("bodyProperties") ?? usualBodyProperties;
  checkProperties(bodyProperties, isBodyProperty);
  const maxBodyValueBytes = call.args.optionalInteger("maxBodyValueBytes", 0) ?? 0;
  if (maxBodyValueBytes < 0) throw invalid("maxBodyValueBytes", "must be 0 or more");
  return {
    bodyProperties,
    fetchTextBodyValues: call.args.flag("fetchTextBodyValues"),
    fetchHTMLBodyValues: call.args.flag("fetchHTMLBodyValues"),
    fetchAllBodyValues: call.args.flag("fetchAllBodyValues"),
    maxBodyValueBytes,
  };
}

function describeEmail(
  mail: MailContext,
  row: EmailRow,
  wanted: ReadonlySet<string>,
  wish: BodyWish,
): Record<string, unknown> {
  const fields = once(() => JSON.parse(row.fields) as EmailFields);
  const body = once(() => mail.emails.bodyOf(row.hash));
  return describe(wanted, body, {
    blobId: () => formatBlobId({ hash: row.hash, partId: undefined }),
    threadId: () => formatId("thread", row.thread),
    mailboxIds: () => asSet(mail.emails.mailboxesOf(row.id).map((id) => formatId("mailbox", id))),
    keywords: () => asSet(mail.emails.keywordsOf(row.id)),
    size: () => row.size,
    receivedAt: () => formatUtc(row.receivedAt),
    hasAttachment: () => row.hasAttachment === 1,
    preview: () => row.preview,
    ...fieldMakers(fields),
    ...bodyMakers(row.hash, body, wish),
  });
}

/** The properties of a message that lies in no mailbox (RFC 8621 §4.9). */
export function describeMessage(
  parsed: {
    readonly hash: string;
    readonly size: number;
    readonly message: Message;
    readonly fields: EmailFields;
  },
  wanted: ReadonlySet<string>,
  wish: BodyWish,
): Record<string, unknown> {
  const { hash, size, message, fields } = parsed;
  return describe(wanted, () => message, {
    id: () => null,
    blobId: () => formatBlobId({ hash, partId: undefined }),
    threadId: () => null,
    mailboxIds: () => null,
    keywords: () => null,
    receivedAt: () => null,
    size: () => size,
    hasAttachment: () => message.hasAttachment,
    preview: () => message.preview,
    ...fieldMakers(() => fields),
    ...bodyMakers(hash, () => message, wish),
  });
}

function describe(
  wanted: ReadonlySet<string>,
  body: () => ReadBody,
  makers: Readonly<Record<string, () => unknown>>,
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const name of wanted) {
    const header = parseHeaderProperty(name);
    if (header) object[name] = readHeaderProperty(body().root.headers, header);
    else if (Object.hasOwn(makers, name)) object[name] = makers[name]?.();
  }
  return object;
}

function fieldMakers(fields: () => EmailFields): Record<string, () => unknown> {
  return Object.fromEntries(fieldProperties.map((name) => [name, () => fields()[name]]));
}

/** RFC 8621 §4.1.1: sets are objects whose values are true. */
export function asSet(names: readonly string[]): Record<string, true> {
  return Object.fromEntries(names.map((name) => [name, true as const]));
}

/** UTCDate (RFC 8620 §1.4): no fraction where it is zero. */
export function formatUtc(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

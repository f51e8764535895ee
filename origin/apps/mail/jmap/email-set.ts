import { type Readable } from "node:stream";
import type { StoredBlob } from "../../../storage/blobs.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { MailContext } from "../mail-context.ts";
import type { EmailRow } from "../mailbox/email-store.ts";
import { composeMessage } from "../message/compose.ts";
import { type Message, UnreadableMessageError } from "../message/message.ts";
import { accountIdOf, accountOf, checkIfInState, stateOf } from "./account.ts";
import { invalid, isObject } from "./arguments.ts";
import { findBlob } from "./blobs.ts";
import { asSet, findEmail, formatUtc } from "./email-get.ts";
import { readKeywords, readMailboxIds, readReceivedAt } from "./email-metadata.ts";
import { formatBlobId, formatId } from "./ids.ts";
import { invalidProperties, MethodError, SetError } from "./jmap-error.ts";
import { type Call, limits } from "./method.ts";
import { readNewEmail } from "./read-new-email.ts";
import { answerSet, applyPatch, checkIds, type Created, readSetArguments, type Settable } from "./set.ts";

/** Bytes of a raw message that is written here; what the relay takes is less. */
const largestMessage = 70_000_000;

/** A message that is ready to be filed. */
interface Prepared {
  readonly blob: StoredBlob;
  readonly message: Message;
}

/** Email/set (RFC 8621 §4.6). */
export async function answerEmailSet(mail: MailContext, call: Call): Promise<object> {
  const given = readSetArguments(call);
  call.args.optionalText("ifInState");
  call.args.end();
  const { account, create } = given;
  // Judged before bytes are written: nobody's disk is filled by a call that comes to nothing.
  checkIfInState(call, stateOf(mail, account, "Email"));
  const prepared = new Map<string, Prepared | SetError>();
  for (const [creationId, email] of create) {
    prepared.set(creationId, await settle(() => prepare(mail, call, account, email)));
  }
  const settable: Settable = {
    type: "Email",
    create(transaction, email, creationId) {
      const ready = prepared.get(creationId);
      if (!ready || ready instanceof SetError)
        throw ready ?? new SetError("serverFail", "It was not prepared.");
      return fileEmail(mail, call, transaction, account, email, ready);
    },
    update: (transaction, id, patch) => updateEmail(mail, call, transaction, account, id, patch),
    destroy(transaction, id) {
      const email = findEmail(mail, account, id);
      if (!email) throw new SetError("notFound", "There is no such email.");
      mail.emails.remove(transaction, email);
    },
  };
  const outcome = await answerSet(mail, call, given, settable);
  if (outcome.destroyed !== null || prepared.size > 0) mail.collectSoon();
  return outcome;
}

async function settle<T>(work: () => Promise<T>): Promise<T | SetError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SetError) return error;
    throw error;
  }
}

async function prepare(
  mail: MailContext,
  call: Call,
  account: number,
  email: Record<string, unknown>,
): Promise<Prepared> {
  readMailboxIds(mail, call, account, email["mailboxIds"]);
  readKeywords(email["keywords"]);
  readReceivedAt(email["receivedAt"], 0);
  checkQuota(mail, account, 0);
  const composed = readNewEmail(mail, account, email);
  const raw = composeMessage(composed, { domain: mail.config.domain, now: mail.now() });
  return await keep(mail, account, raw);
}

/** Writes the raw bytes and reads the message from them. An upload's row holds the blob until the email does. */
async function keep(mail: MailContext, account: number, raw: Readable): Promise<Prepared> {
  const blob = await mail.uploads.put(account, raw, "message/rfc822", largestMessage);
  return { blob, message: await readStored(mail, blob.hash) };
}

async function readStored(mail: MailContext, hash: string): Promise<Message> {
  try {
    const message = await mail.reader.read(mail.blobs.pathOf(hash));
    // Any bytes can be read as a body; what has no header is no message (RFC 5322 §3.6).
    if (message.root.headers.length === 0)
      throw new UnreadableMessageError("no-message", "There is no header.");
    return message;
  } catch (error) {
    if (error instanceof UnreadableMessageError)
      throw new SetError("invalidEmail", "The bytes cannot be read as a message.");
    throw error;
  }
}

function fileEmail(
  mail: MailContext,
  call: Call,
  transaction: Transaction,
  account: number,
  email: Record<string, unknown>,
  { blob, message }: Prepared,
): Created {
  const mailboxes = readMailboxIds(mail, call, account, email["mailboxIds"]);
  const keywords = readKeywords(email["keywords"]);
  const receivedAt = readReceivedAt(email["receivedAt"], mail.now());
  checkQuota(mail, account, blob.size);
  const { id, thread } = mail.emails.add(transaction, {
    account,
    blob,
    message,
    mailboxes,
    keywords,
    receivedAt,
  });
  return {
    id: formatId("email", id),
    blobId: formatBlobId({ hash: blob.hash, partId: undefined }),
    threadId: formatId("thread", thread),
    size: blob.size,
  };
}

function checkQuota(mail: MailContext, account: number, bytes: number): void {
  if (mail.emails.bytesOf(account) + bytes > mail.config.quota) {
    throw new SetError("overQuota", "The mailbox is full. Empty the trash, or ask the owner for more room.");
  }
}

const mutable = new Set(["mailboxIds", "keywords"]);

function updateEmail(
  mail: MailContext,
  call: Call,
  transaction: Transaction,
  account: number,
  id: string,
  patch: Record<string, unknown>,
): null {
  const email = findEmail(mail, account, id);
  if (!email) throw new SetError("notFound", "There is no such email.");
  const before = metadataOf(mail, email);
  const after = applyPatch(before, patch);
  for (const [name, value] of Object.entries(after)) {
    if (mutable.has(name)) continue;
    const known = before[name];
    if (known === undefined || JSON.stringify(known) !== JSON.stringify(value))
      throw invalidProperties(`${name} of an email does not change.`, name);
  }
  const keywords = readKeywords(after["keywords"]);
  const mailboxes = readMailboxIds(mail, call, account, after["mailboxIds"]);
  const touched = Object.keys(patch).map((path) => path.split("/", 1)[0]);
  if (touched.includes("keywords")) mail.emails.setKeywords(transaction, email, keywords);
  // Read again: whether it is unread may have changed just now.
  const current = mail.emails.get(account, email.id) ?? email;
  if (touched.includes("mailboxIds")) mail.emails.setMailboxes(transaction, current, mailboxes);
  return null;
}

function metadataOf(mail: MailContext, email: EmailRow): Record<string, unknown> {
  return {
    id: formatId("email", email.id),
    blobId: formatBlobId({ hash: email.hash, partId: undefined }),
    threadId: formatId("thread", email.thread),
    mailboxIds: asSet(mail.emails.mailboxesOf(email.id).map((mailbox) => formatId("mailbox", mailbox))),
    keywords: asSet(mail.emails.keywordsOf(email.id)),
    size: email.size,
    receivedAt: formatUtc(email.receivedAt),
  };
}

/** Email/import (RFC 8621 §4.8). */
export async function answerEmailImport(mail: MailContext, call: Call): Promise<object> {
  const account = accountOf(call);
  const emails = call.args.object("emails");
  call.args.optionalText("ifInState");
  call.args.end();
  if (Object.keys(emails).length > limits.maxObjectsInSet)
    throw new MethodError("requestTooLarge", `At most ${limits.maxObjectsInSet} emails a call.`);
  checkIds(Object.keys(emails));
  checkIfInState(call, stateOf(mail, account, "Email"));
  const prepared = new Map<string, { email: Record<string, unknown>; ready: Prepared | SetError }>();
  for (const [creationId, email] of Object.entries(emails)) {
    if (!isObject(email)) throw invalid("emails", "must hold objects");
    prepared.set(creationId, { email, ready: await settle(() => prepareImport(mail, account, email)) });
  }
  const outcome = await mail.database.write((transaction) => {
    const oldState = stateOf(mail, account, "Email");
    checkIfInState(call, oldState);
    const created: Record<string, Created> = {};
    const notCreated: Record<string, SetError> = {};
    for (const [creationId, { email, ready }] of prepared) {
      try {
        if (ready instanceof SetError) throw ready;
        const made = fileEmail(mail, call, transaction, account, email, ready);
        created[creationId] = made;
        call.createdIds.set(creationId, made.id);
      } catch (error) {
        if (!(error instanceof SetError)) throw error;
        notCreated[creationId] = error;
      }
    }
    return {
      accountId: accountIdOf(account),
      oldState,
      newState: stateOf(mail, account, "Email"),
      created: orNull(created),
      notCreated: orNull(notCreated),
    };
  });
  return outcome;
}

const orNull = <T extends object>(object: T): T | null => (Object.keys(object).length === 0 ? null : object);

async function prepareImport(
  mail: MailContext,
  account: number,
  email: Record<string, unknown>,
): Promise<Prepared> {
  const unknown = Object.keys(email).find(
    (name) => !["blobId", "mailboxIds", "keywords", "receivedAt"].includes(name),
  );
  if (unknown !== undefined) throw invalidProperties(`${unknown} cannot be set.`, unknown);
  const blob = findBlob(mail, account, String(email["blobId"]));
  if (!blob) {
    throw new SetError("invalidProperties", "That blob is not there, or not yours.", {
      properties: ["blobId"],
    });
  }
  // A part of a message is no blob of its own until an email needs it.
  if (blob.address.partId !== undefined) return await keep(mail, account, blob.open());
  const { hash } = blob.address;
  return { blob: { hash, size: blob.size }, message: await readStored(mail, hash) };
}

/** Email/copy (RFC 8621 §4.7): each member has one account, and within one nothing is copied. */
export function answerEmailCopy(_mail: MailContext, call: Call): object {
  const from = call.args.text("fromAccountId");
  if (from === call.args.text("accountId")) {
    accountOf(call);
    throw new MethodError(
      "invalidArguments",
      "An email is copied from one account to another, not within one.",
    );
  }
  accountOf(call, "fromAccountId");
  throw new MethodError("accountNotFound", "There is no such account of yours.");
}

import type { MailContext } from "../mail-context.ts";
import { UnreadableMessageError } from "../message/message.ts";
import { accountIdOf, accountOf, checkProperties } from "./account.ts";
import { findBlob, type FoundBlob } from "./blobs.ts";
import { answerTooLong, longestAnswer } from "./answer-text.ts";
import { describeMessage, isEmailProperty, lengthOf, messageProperties, readBodyWish } from "./email-get.ts";
import { MethodError } from "./jmap-error.ts";
import { type Call, limits } from "./method.ts";

/** Bytes of a part that is a message of its own; it is held in memory while it is read. */
const largestPart = 30_000_000;

/** Email/parse (RFC 8621 §4.9): messages that lie in no mailbox, such as those attached to another. */
export async function answerEmailParse(mail: MailContext, call: Call): Promise<object> {
  const account = accountOf(call);
  const blobIds = call.args.optionalTexts("blobIds") ?? [];
  const properties = call.args.optionalTexts("properties") ?? messageProperties;
  const wish = readBodyWish(call);
  call.args.end();
  checkProperties(properties, isEmailProperty);
  if (blobIds.length > limits.maxObjectsInGet)
    throw new MethodError("requestTooLarge", `At most ${limits.maxObjectsInGet} blobs a call.`);
  const parsed: Record<string, object> = {};
  let length = 0;
  const notParsable: string[] = [];
  const notFound: string[] = [];
  for (const id of new Set(blobIds)) {
    const blob = findBlob(mail, account, id);
    if (!blob) {
      notFound.push(id);
      continue;
    }
    const message = await read(mail, blob);
    if (!message) {
      notParsable.push(id);
      continue;
    }
    const { hash } = blob.address;
    const email = describeMessage(
      { hash, size: blob.size, message, fields: message.fields },
      new Set(properties),
      wish,
    );
    length += lengthOf(email);
    if (length > longestAnswer) throw answerTooLong();
    parsed[id] = email;
  }
  return {
    accountId: accountIdOf(account),
    parsed: Object.keys(parsed).length === 0 ? null : parsed,
    notParsable: notParsable.length === 0 ? null : notParsable,
    notFound: notFound.length === 0 ? null : notFound,
  };
}

async function read(mail: MailContext, blob: FoundBlob) {
  const { hash, partId } = blob.address;
  if (partId !== undefined && blob.size > largestPart) return undefined;
  try {
    const message = await mail.reader.read(
      partId === undefined ? mail.blobs.pathOf(hash) : Buffer.concat(await blob.open().toArray()),
    );
    // Any bytes make a message without a header; that is none.
    return message.root.headers.length === 0 ? undefined : message;
  } catch (error) {
    if (error instanceof UnreadableMessageError) return undefined;
    throw error;
  }
}

import { isAscii } from "node:buffer";
import { Readable } from "node:stream";
import { Headers } from "mailsplit";
import type { MailContext } from "../mail-context.ts";
import type { SigningKey } from "../../../config/dkim-key.ts";
import type { Consignment, QueueStore } from "./queue-store.ts";

/** Of a header: what the reader of messages takes, too. */
const largestHead = 1024 * 1024;
/** What nobody but the sender is to see (RFC 5322 §3.6.3). */
const hidden = ["bcc", "resent-bcc"];
/** From so many bytes on a body waits on disk for its signature. */
const signedInMemory = 1_000_000;

/**
 * Makes of what was submitted what goes out: without `Bcc`, and signed where a key is given. It is written once, in a
 * blob of its own where the two differ, so that every try sends the same bytes. Throws CanceledError.
 */
export async function prepareMessage(
  mail: Pick<MailContext, "blobs" | "database">,
  queue: QueueStore,
  consignment: Consignment,
  options: { readonly key: SigningKey | undefined; readonly domain: string; readonly cacheDir: string },
): Promise<Consignment> {
  if (consignment.prepared === 1) return consignment;
  const { hash, size } = consignment;
  const { head: asWritten, rest, close } = await openMessage(mail, hash);
  const head = withoutBareReturns(asWritten);
  const headers = new Headers(head);
  const isChanged = complete(headers, consignment, options.domain) || head !== asWritten;
  const watch = { eightBit: false };
  const content = watchOctets(join(isChanged ? headers.build() : head, rest), watch);
  try {
    if (!isChanged && !options.key) {
      for await (const _chunk of content);
      await mail.database.write((transaction) =>
        queue.setPrepared(transaction, consignment, { hash, size, ...watch }),
      );
      return { ...consignment, prepared: 1, eightBit: Number(watch.eightBit) };
    }
    const written = options.key ? await sign(content, options.key, options) : content;
    const kept = await mail.blobs.put(written, size + largestHead, (blob, transaction) => {
      queue.setPrepared(transaction, consignment, { ...blob, ...watch });
      return blob;
    });
    return { ...consignment, ...kept, prepared: 1, eightBit: Number(watch.eightBit) };
  } finally {
    close();
  }
}

/** A carriage return by itself ends a line on the way: what stood behind it was read by nobody as a field of its own. */
function withoutBareReturns(head: Buffer): Buffer {
  const text = head.toString("latin1");
  const clean = text.replaceAll(/\r(?!\n)/g, " ");
  return clean === text ? head : Buffer.from(clean, "latin1");
}

/** Whether it had to be changed. What no draft lacks is added where it was left out (RFC 6409 §8.2, §8.3). */
function complete(headers: Headers, { id, kind, sendAt }: Consignment, domain: string): boolean {
  const isBare = !headers.hasHeader("message-id") || !headers.hasHeader("date");
  const isChanged = isBare || hidden.some((name) => headers.hasHeader(name));
  for (const name of hidden) headers.remove(name);
  // The same each time, should it have to be made again.
  if (!headers.hasHeader("message-id")) headers.add("Message-ID", `<${kind}-${id}-${sendAt}@${domain}>`);
  if (!headers.hasHeader("date")) headers.add("Date", new Date(sendAt).toUTCString().replace("GMT", "+0000"));
  return isChanged;
}

/** The header of a kept message, with the empty line at its end, and what follows. Throws where the blob is gone. */
export async function openMessage(
  { blobs }: Pick<MailContext, "blobs">,
  hash: string,
): Promise<{ head: Buffer; rest: AsyncIterable<Buffer>; close: () => void }> {
  const opened = await blobs.open(hash);
  if (!opened) throw new Error(`The blob ${hash} of a message is gone.`);
  const { stream } = opened;
  const close = (): void => void stream.destroy();
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return { head, rest: from([], chunks), close };
    head = Buffer.concat([head, value]);
    const end = endOfHead(head);
    if (end < 0 && head.length < largestHead) continue;
    const cut = end < 0 ? head.length : end;
    return { head: head.subarray(0, cut), rest: from([head.subarray(cut)], chunks), close };
  }
}

/** Where the body begins; -1 while that is not to be seen. */
function endOfHead(bytes: Buffer): number {
  const ends = ["\r\n\r\n", "\n\n"].flatMap((mark) => {
    const at = bytes.indexOf(mark);
    return at < 0 ? [] : [at + mark.length];
  });
  return ends.length === 0 ? -1 : Math.min(...ends);
}

async function* from(first: readonly Buffer[], chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* first;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) return;
    yield value;
  }
}

async function* join(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

async function* watchOctets(
  content: AsyncIterable<Buffer>,
  watch: { eightBit: boolean },
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    watch.eightBit ||= !isAscii(chunk);
    yield chunk;
  }
}

async function sign(
  content: AsyncIterable<Buffer>,
  { selector, pem }: SigningKey,
  { domain, cacheDir }: { readonly domain: string; readonly cacheDir: string },
): Promise<AsyncIterable<Uint8Array>> {
  const { default: Dkim } = await import("nodemailer/lib/dkim");
  const signer = new Dkim({
    domainName: domain,
    keySelector: selector,
    privateKey: pem,
    cacheDir,
    cacheTreshold: signedInMemory,
  });
  return signer.sign(Readable.from(content, { objectMode: false }));
}

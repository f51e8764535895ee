import { Readable } from "node:stream";

/** What bears a hash of the body (RFC 6376, RFC 8617). Where it is only mentioned, the body is read in vain. */
const signature = /dkim-signature|arc-/i;
/** The end of a header, as the library sees it: an empty line, by whichever line ends. */
const headerEnd = /(?:^|\n)\r?\n/;

/** What the check of a sender has to read: of a message that nobody has signed, its header. */
export function readSigned(raw: AsyncIterable<Buffer>): Readable {
  return Readable.from(untilBodyIsIdle(raw), { objectMode: false });
}

async function* untilBodyIsIdle(raw: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // A header of more than a megabyte was refused by who read the message.
  let header = Buffer.alloc(0);
  let isKnown = false;
  for await (const chunk of raw) {
    if (isKnown) {
      yield chunk;
      continue;
    }
    header = Buffer.concat([header, chunk]);
    const text = header.toString("latin1");
    const end = headerEnd.exec(text);
    if (!end) continue;
    const length = end.index + end[0].length;
    isKnown = true;
    const isSigned = signature.test(text.slice(0, length));
    yield isSigned ? header : header.subarray(0, length);
    if (!isSigned) return;
  }
  if (!isKnown) yield header;
}

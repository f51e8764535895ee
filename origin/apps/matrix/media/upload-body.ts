import { BODY_MAX_BYTES } from "../../../../shared/limits.ts";
import { sniffHeadBytes } from "../../../host/sniff/sniff.ts";
import { BlobTooLargeError } from "../../../storage/blobs.ts";

/** The client went away, or what lies between broke off: there is nobody to tell. */
export class UploadBrokenError extends Error {
  override name = "UploadBrokenError";
}

/**
 * The parts of a body as they arrive; `read` answers undefined at its end. Throws UploadBrokenError where it breaks off.
 *
 * Whoever has enough of it must say `finish`: to leave off in the middle cuts the connection, which the edge uses for others
 * next, and the answer is lost with it. What is left is read then and kept nowhere, as far as the edge lets a body through.
 */
export interface BodyReader {
  read(): Promise<Uint8Array | undefined>;
  finish(): Promise<void>;
  /** Gives it up, with its connection. */
  cancel(): void;
}

export function openBody(body: ReadableStream<Uint8Array> | null): BodyReader {
  const reader = body?.getReader();
  let isOver = reader === undefined;
  let taken = 0;

  async function read(): Promise<Uint8Array | undefined> {
    if (isOver) return undefined;
    try {
      const part = await reader?.read();
      if (part && !part.done) {
        taken += part.value.byteLength;
        return part.value;
      }
    } catch (error) {
      isOver = true;
      throw new UploadBrokenError("The upload broke off.", { cause: error });
    }
    isOver = true;
    return undefined;
  }

  function cancel(): void {
    isOver = true;
    reader?.cancel().catch(() => {});
  }

  return {
    read,
    cancel,
    async finish() {
      const most = Math.max(taken, BODY_MAX_BYTES);
      // That it breaks off now is nobody's concern any more.
      for (let part = await read().catch(() => undefined); part; part = await read().catch(() => undefined)) {
        if (taken > most) cancel();
      }
    },
  };
}

/**
 * The body of an upload as it arrives, counted: a declared length is a claim, not a fact. Throws BlobTooLargeError past
 * `limit` bytes, at once where the length was declared, and UploadBrokenError.
 */
export async function* readUpload(request: Request, limit: number): AsyncGenerator<Uint8Array> {
  const tooLarge = (): BlobTooLargeError =>
    new BlobTooLargeError(`The content is larger than ${limit} bytes.`);
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) throw tooLarge();
  const body = openBody(request.body);
  let size = 0;
  try {
    for (let part = await body.read(); part; part = await body.read()) {
      size += part.byteLength;
      if (size > limit) throw tooLarge();
      yield part;
    }
  } finally {
    await body.finish();
  }
}

/** As far from a file's end as a zip may have its end record. */
export const tailBytes = 65_557;

/** The first and the last bytes of what streams by: what sniffing goes by. */
export interface WatchedContent {
  readonly chunks: AsyncGenerator<Uint8Array>;
  ends(): { readonly head: Uint8Array; readonly tail: Uint8Array };
}

export function watchEnds(source: AsyncIterable<Uint8Array>): WatchedContent {
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let headSize = 0;
  let tailSize = 0;

  async function* pass(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (headSize < sniffHeadBytes) {
        head.push(chunk);
        headSize += chunk.byteLength;
      }
      tail.push(chunk);
      tailSize += chunk.byteLength;
      while (tail[0] && tailSize - tail[0].byteLength >= tailBytes) tailSize -= tail.shift()!.byteLength;
      yield chunk;
    }
  }

  return {
    chunks: pass(),
    ends: () => ({
      head: Buffer.concat(head).subarray(0, sniffHeadBytes),
      tail: Buffer.concat(tail).subarray(-tailBytes),
    }),
  };
}

import { BODY_MAX_BYTES } from "../../../../shared/limits.ts";
import { sniffHeadBytes } from "../../../host/sniff/sniff.ts";
import { BlobTooLargeError } from "../../../storage/blobs.ts";

/** The client went away, or what lies between broke off: there is nobody to tell. */
export class UploadBrokenError extends Error {
  override name = "UploadBrokenError";
}

/**
 * The body of an upload as it arrives, counted: a declared length is a claim, not a fact. Throws BlobTooLargeError past
 * `limit` bytes, at once where the length was declared. A body that did not tell its length is read to its end first, and
 * kept nowhere: to leave off in the middle cuts the connection, which the edge uses for others next.
 */
export async function* readUpload(request: Request, limit: number): AsyncGenerator<Uint8Array> {
  const tooLarge = (): BlobTooLargeError =>
    new BlobTooLargeError(`The content is larger than ${limit} bytes.`);
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) throw tooLarge();
  if (!request.body) return;
  const readOn = Math.max(limit, BODY_MAX_BYTES);
  let size = 0;
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > readOn) break;
      if (size <= limit) yield chunk;
    }
  } catch (error) {
    throw new UploadBrokenError("The upload broke off.", { cause: error });
  }
  if (size > limit) throw tooLarge();
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

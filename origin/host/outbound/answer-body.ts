import { type Readable, pipeline, Transform } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import { OutboundError, toOutboundError } from "./outbound-error.ts";

/** The content codings that are undone, as a request offers them. */
export const ACCEPTED_CODINGS = "gzip, br, zstd";

/** RFC 9659: what HTTP may use of zstd's window, 8 MB. The library's own limit is sixteen times that. */
const ZSTD_WINDOW_LOG = 23;
/** Headers and checksums of a coding may exceed what they carry by so much. */
const CODING_OVERHEAD_BYTES = 65_536;

export interface AnswerBodyOptions {
  readonly body: Readable;
  /** The `Content-Encoding` field; null: bytes as they came. */
  readonly coding: string | null;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly done: () => void;
}

/**
 * The answer's body as a stream that is counted both as it comes and as it is decoded: a small bomb is cut off where
 * it has grown to the cap, and one that grows to nothing where it has been fed the cap. Reads no faster than it is read.
 *
 * @throws OutboundError `bad-answer` for a coding that was not offered, or several. The stream fails with OutboundError.
 */
export function openAnswerBody(options: AnswerBodyOptions): ReadableStream<Uint8Array> {
  const { body, maxBytes, signal, done } = options;
  const decoder = createDecoder(options.coding);
  const source =
    decoder === undefined
      ? body
      : pipeline(body, countTo(maxBytes + CODING_OVERHEAD_BYTES), decoder, () => undefined);
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let taken = 0;

  function finish(): void {
    signal.removeEventListener("abort", finish);
    body.destroy();
    done();
  }
  // Also where nobody reads on, and so nobody would notice.
  signal.addEventListener("abort", finish);

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done: ended, value } = await chunks.next();
          if (ended === true) {
            finish();
            controller.close();
            return;
          }
          taken += value.byteLength;
          if (taken > maxBytes) throw new OutboundError("too-large");
          controller.enqueue(value);
        } catch (error) {
          controller.error(toOutboundError(error, signal, decoder ? "bad-answer" : "unreachable"));
          finish();
        }
      },
      cancel() {
        // A read under way ends with the body.
        finish();
        source.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

function createDecoder(coding: string | null): Transform | undefined {
  switch (coding?.trim().toLowerCase() ?? "") {
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "br":
      return createBrotliDecompress();
    case "zstd":
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } });
    default:
      throw new OutboundError("bad-answer");
  }
}

function countTo(limit: number): Transform {
  let counted = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, next) {
      counted += chunk.byteLength;
      if (counted > limit) next(new OutboundError("too-large"));
      else next(null, chunk);
    },
  });
}

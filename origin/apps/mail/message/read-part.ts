import { createReadStream } from "node:fs";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { MimeNode } from "mailsplit";
import { createPartNumbers, splitMessage } from "./split-message.ts";

/** The decoded content of one part of a raw message, as a stream; nothing of it is held. An unknown part is empty. */
export function readPart(file: string, partId: string): Readable {
  const out = new PassThrough({ highWaterMark: 64 * 1024 });
  copyPart(file, partId, out).catch((error: unknown) => out.destroy(error as Error));
  return out;
}

async function copyPart(file: string, partId: string, out: PassThrough): Promise<void> {
  const raw = createReadStream(file);
  out.once("close", () => raw.destroy());
  const numberOf = createPartNumbers();
  let wanted:
    | { node: MimeNode; decoder: ReturnType<MimeNode["getDecoder"]>; copied: Promise<void> }
    | undefined;
  for await (const piece of splitMessage(raw)) {
    if (out.destroyed) break;
    if (piece.type === "node") {
      if (wanted) break;
      if (numberOf(piece) !== partId) continue;
      const decoder = piece.getDecoder();
      wanted = { node: piece, decoder, copied: pipeline(decoder, out) };
      wanted.copied.catch(() => {});
    } else if (piece.node === wanted?.node && piece.value !== undefined) {
      const { decoder } = wanted;
      if (!decoder.write(piece.value)) {
        // Whoever reads has gone: nothing drains any more.
        await Promise.race([
          new Promise((resolve) => decoder.once("drain", resolve)),
          new Promise((resolve) => out.once("close", resolve)),
        ]);
      }
    }
  }
  raw.destroy();
  if (!wanted) return void out.end();
  wanted.decoder.end();
  await wanted.copied;
}

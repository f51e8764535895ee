import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BusboyFileStream } from "@fastify/busboy";
import { FormRefusal } from "../../../../pages/form-post.ts";

/** A file of a form, while it arrives. */
export interface ArrivingFile {
  readonly name: string;
  /** As the browser declares it. */
  readonly type: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface MultipartForm<Kept> {
  readonly fields: URLSearchParams;
  readonly files: readonly Kept[];
}

/** Bytes of all fields together, which alone are held in memory. */
const largestText = 2_000_000;
const limits = {
  fieldSize: largestText,
  fields: 300,
  files: 100,
  parts: 400,
  headerPairs: 20,
  headerSize: 16_384,
};

/**
 * Reads `multipart/form-data` (RFC 7578): each file goes to `keep` while it arrives. After a refusal the rest is read
 * and kept nowhere, since to leave off in the middle cuts the connection. Throws FormRefusal, and what `keep` throws.
 */
export async function readMultipart<Kept>(
  request: Request,
  keep: (file: ArrivingFile) => Promise<Kept>,
): Promise<MultipartForm<Kept>> {
  // The script uploads files by itself: without it this is rarely needed.
  const { Busboy } = await import("@fastify/busboy");
  const fields = new URLSearchParams();
  const files: Promise<Kept>[] = [];
  const arriving = new Set<BusboyFileStream>();
  let size = 0;
  let refusal: unknown;

  const take = async (file: ArrivingFile, stream: BusboyFileStream): Promise<Kept> => {
    arriving.add(stream);
    try {
      return await keep(file);
    } catch (error) {
      refusal ??= error;
      throw error;
    } finally {
      arriving.delete(stream);
      stream.resume();
    }
  };

  try {
    const parser = new Busboy({
      headers: { "content-type": request.headers.get("content-type") ?? "" },
      limits,
    });
    for (const limit of ["filesLimit", "fieldsLimit", "partsLimit"] as const)
      parser.on(limit, () => (refusal ??= tooMuch()));
    parser.on("field", (name, value, _isNameCut, isCut) => {
      size += value.length;
      if (isCut || size > largestText) refusal ??= tooMuch();
      else fields.append(name, value);
    });
    parser.on("file", (_name, stream, name, _encoding, type) => {
      stream.on("error", () => {});
      // An empty choice of files is sent as one file without a name.
      if (refusal !== undefined || !name) return void stream.resume();
      const bytes = stream.iterator({ destroyOnReturn: false });
      const kept = take({ name, type, bytes }, stream);
      kept.catch(() => {});
      files.push(kept);
    });
    await pipeline(request.body ? Readable.fromWeb(request.body as never) : Readable.from([]), parser);
  } catch {
    refusal ??= broken();
    for (const stream of arriving) stream.destroy(broken());
  }
  const kept = await Promise.allSettled(files);
  if (refusal !== undefined) throw refusal;
  return { fields, files: kept.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])) };
}

const tooMuch = (): FormRefusal =>
  new FormRefusal(413, "This is too much for one message: it has at most 2 MB of text, and 100 files.");

const broken = (): FormRefusal =>
  new FormRefusal(400, "This form is broken. Open the page again and send it from there.");

import { PassThrough, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import { createTarPacker } from "modern-tar";

import type { ArchiveContent, ArchiveWriter } from "./archive-writer.ts";
import { within } from "./entry-time.ts";

/** Eleven octal digits of seconds. */
const earliest = new Date(0);
const latest = new Date((8 ** 11 - 1) * 1000);

/** Writes POSIX tar (pax where a name or size needs it), as it is or compressed. */
export function createTarWriter(format: "tar" | "tar.gz" | "tar.zst", sink: Writable): ArchiveWriter {
  const { readable, controller } = createTarPacker();
  const compressor =
    format === "tar" ? new PassThrough() : format === "tar.gz" ? createGzip() : createZstdCompress();
  const flowing = pipeline(compressor, sink);
  // Heard by whoever adds or finishes; until then a failing sink must not end the process.
  flowing.catch((error: unknown) => controller.error(error));
  let taken = (_chunk: Uint8Array): void => undefined;
  const feed = async (): Promise<void> => {
    for await (const chunk of readable) {
      await write(compressor, chunk);
      taken(chunk);
    }
    compressor.end();
  };
  feed().catch((error: Error) => compressor.destroy(error));

  /** Resolves once it is compressed. The packer itself would let 8 MB wait, and each piece is its own memory then. */
  const put = async (body: WritableStreamDefaultWriter<Uint8Array>, piece: Uint8Array): Promise<void> => {
    const done = new Promise<void>((resolve) => {
      taken = (chunk) => {
        if (chunk === piece) resolve();
      };
    });
    await body.write(piece);
    await Promise.race([done, flowing]);
  };

  const add = async (
    header: { name: string; type: "file" | "directory"; size: number; mode: number; mtime: Date },
    content: ArchiveContent,
  ): Promise<void> => {
    try {
      const mtime = within(header.mtime, earliest, latest);
      const body = controller.add({ ...header, mtime }).getWriter();
      body.closed.catch(() => undefined);
      for await (const piece of content instanceof Uint8Array ? [content] : content) {
        if (piece.byteLength > 0) await put(body, piece);
      }
      await body.close();
    } catch (error) {
      controller.error(error);
      // The sink's own failure says more than that the packer was stopped.
      await flowing;
      throw error;
    }
  };

  return {
    addFile: (name, content, size, { mtime }) =>
      add({ name, type: "file", size, mode: 0o600, mtime }, content),
    addFolder: (name, { mtime }) =>
      add({ name: `${name}/`, type: "directory", size: 0, mode: 0o700, mtime }, new Uint8Array()),
    async finish() {
      controller.finalize();
      await flowing;
    },
  };
}

/** Resolves once the stream is done with the chunk. */
function write(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

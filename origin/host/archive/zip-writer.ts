import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { ZipFile } from "yazl";

import type { ArchiveContent, ArchiveWriter } from "./archive-writer.ts";
import { within } from "./entry-time.ts";

/** A zip's times are MS-DOS's. */
const earliest = new Date(1980, 0, 1);
const latest = new Date(2107, 11, 31);

/** Writes zip: deflated, UTF-8 names, zip64 where a size needs it. */
export function createZipWriter(sink: Writable): ArchiveWriter {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  const flowing = pipeline(output, sink);
  // Heard by whoever adds or finishes; until then a failing sink must not end the process.
  flowing.catch(() => undefined);
  zip.on("error", (error: Error) => output.destroy(error));

  return {
    async addFile(path, content, size, { mtime }) {
      const input = Readable.from(exactly(content, size), { objectMode: false });
      // yazl looks at what it pipes, never at a failure of it.
      input.on("error", (error) => output.destroy(error));
      const over = new Promise<void>((done) => input.once("close", done));
      zip.addReadStream(input, path, { size, mtime: within(mtime, earliest, latest), mode: 0o100600 });
      try {
        await Promise.race([over, flowing]);
      } finally {
        input.destroy();
      }
      if (input.errored) await flowing;
    },
    async addFolder(path, { mtime }) {
      zip.addEmptyDirectory(path, { mtime: within(mtime, earliest, latest), mode: 0o40700 });
      // Nothing to wait for, but a sink that has failed already.
      await Promise.race([flowing, setImmediate()]);
    },
    async finish() {
      zip.end();
      await flowing;
    },
  };
}

async function* exactly(content: ArchiveContent, size: number): AsyncGenerator<Uint8Array, void, void> {
  let left = size;
  for await (const piece of content instanceof Uint8Array ? [content] : content) {
    left -= piece.byteLength;
    if (left < 0) break;
    yield piece;
  }
  if (left !== 0) throw new Error(`The content is not the ${size} bytes that were announced.`);
}

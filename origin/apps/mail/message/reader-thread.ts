// The thread in which messages are read: what a stranger wrote must neither hold the daemon up nor share its memory.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { readMessage } from "./read-message.ts";
import { serveTasks } from "./serve-tasks.ts";

serveTasks(async (source: string | Uint8Array) => {
  const raw = typeof source === "string" ? createReadStream(source) : Readable.from([Buffer.from(source)]);
  try {
    return await readMessage(raw);
  } finally {
    raw.destroy();
  }
});

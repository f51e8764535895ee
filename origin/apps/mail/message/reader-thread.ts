// The thread in which messages are read: what a stranger wrote must neither hold the daemon up nor share its memory.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { answerWork } from "./answer-work.ts";
import type { MessageSource } from "./message-reader.ts";
import { readMessage } from "./read-message.ts";

answerWork(async (source: MessageSource) => {
  const raw = typeof source === "string" ? createReadStream(source) : Readable.from([Buffer.from(source)]);
  try {
    return await readMessage(raw);
  } finally {
    raw.destroy();
  }
});

// The thread in which messages are read: what a stranger wrote must neither hold the daemon up nor share its memory.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { parentPort } from "node:worker_threads";
import { UnreadableMessageError } from "./message.ts";
import type { ReadReply, ReadRequest } from "./message-reader.ts";
import { readMessage } from "./read-message.ts";

parentPort?.on("message", (request: ReadRequest) => void answer(request));

async function answer({ id, source }: ReadRequest): Promise<void> {
  const raw = typeof source === "string" ? createReadStream(source) : Readable.from([Buffer.from(source)]);
  try {
    say({ id, message: await readMessage(raw) });
  } catch (error) {
    const code = error instanceof UnreadableMessageError ? error.code : undefined;
    say({ id, fault: { code: code ?? "no-message", message: String(error) } });
  } finally {
    raw.destroy();
  }
}

function say(reply: ReadReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort?.postMessage(reply);
}

import { type Message, UnreadableMessageError } from "./message.ts";
import { createWorkThread, type ThreadLimits } from "./work-thread.ts";

/** Reads messages in a thread of its own, one after another, with limits on its memory and time. */
export interface MessageReader {
  /** The file's path, or the bytes themselves. Throws UnreadableMessageError. */
  read(source: MessageSource): Promise<Message>;
  close(): Promise<void>;
}

export type MessageSource = string | Uint8Array;

const usualLimits: ThreadLimits = { longestMs: 60_000, mostMegabytes: 96 };

export function createMessageReader(limits = usualLimits): MessageReader {
  const thread = createWorkThread<MessageSource, Message>({
    file: new URL("./reader-thread.ts", import.meta.url),
    limits,
    tooCostly: () =>
      new UnreadableMessageError("too-costly", "Reading the message took more time or memory than one may."),
    faultOf: ({ code, message }) =>
      new UnreadableMessageError(code === "too-costly" ? code : "no-message", message),
  });
  return { read: (source) => thread.run(source), close: () => thread.close() };
}

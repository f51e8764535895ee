import { type Message, UnreadableMessageError } from "./message.ts";
import { createWorkThread, type ThreadFault, type ThreadLimits } from "./work-thread.ts";

/** Reads messages in a thread of its own, one after another, with limits on its memory and time. */
export interface MessageReader {
  /**
   * The file's path, or the bytes themselves. Throws UnreadableMessageError; another error where the message is not to
   * blame, and may be read later.
   */
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
    faultOf,
  });
  return { read: (source) => thread.run(source), close: () => thread.close() };
}

function faultOf({ code, message }: ThreadFault): Error {
  // The disk's, not the message's.
  if (/^E[A-Z]+$/.test(code ?? "") && code !== "EMAXLEN") return Object.assign(new Error(message), { code });
  return new UnreadableMessageError(code === "too-costly" ? code : "no-message", message);
}

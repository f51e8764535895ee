import { type Message, UnreadableMessageError } from "./message.ts";
import { createTaskThread, TaskFault, type ThreadLimits, TaskThreadError } from "./task-thread.ts";

/** Reads messages in a thread of its own, one after another, with limits on its memory and time. */
export interface MessageReader {
  /** The file's path, or the bytes themselves. Throws UnreadableMessageError. */
  read(source: string | Uint8Array): Promise<Message>;
  close(): Promise<void>;
}

const usualLimits: ThreadLimits = { longestMs: 60_000, mostMegabytes: 96 };

export function createMessageReader(limits = usualLimits): MessageReader {
  const thread = createTaskThread<string | Uint8Array, Message>({
    module: "./reader-thread",
    from: import.meta.url,
    limits,
  });
  return {
    async read(source) {
      try {
        return await thread.run(source);
      } catch (error) {
        throw asUnreadable(error) ?? error;
      }
    },
    close: () => thread.close(),
  };
}

/** Undefined: it is not the message's doing, such as a disk that fails or the daemon's end. */
function asUnreadable(error: unknown): UnreadableMessageError | undefined {
  if (error instanceof TaskThreadError && error.code === "too-costly") {
    return new UnreadableMessageError(
      "too-costly",
      "Reading the message took more time or memory than one may.",
    );
  }
  if (!(error instanceof TaskFault) || /^E(?!MAXLEN)[A-Z]+$/.test(error.code ?? "")) return undefined;
  return new UnreadableMessageError(error.code === "too-costly" ? "too-costly" : "no-message", error.message);
}

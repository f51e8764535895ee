import { createLine } from "../../host/turns.ts";
import type { MailContext } from "./mail-context.ts";
import { eraseAccount } from "./mailbox/erase-account.ts";

/** Takes the mail of members who are erased, wherever that was done. */
export interface FollowMembers {
  /** Resolves once every change so far is followed. */
  settle(): Promise<void>;
  /** Stops, after the write that is under way. What is left is followed at the next start. */
  close(): Promise<void>;
}

const changesAtOnce = 100;
const retryAfterMs = 5000;

export function followMembers(
  mail: Pick<MailContext, "blobs" | "database" | "emails" | "log" | "members">,
): FollowMembers {
  const { database, members, log } = mail;
  const position = database.prepare<{ at: number }>("SELECT member_change AS at FROM followed WHERE id = 1");
  const advance = database.prepare("UPDATE followed SET member_change = ? WHERE id = 1");
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  async function catchUp(): Promise<void> {
    const changes = members.changesSince(position.get()?.at ?? 0, changesAtOnce);
    for (const { kind, memberId } of changes) {
      if (closed) return;
      // Done anew after a kill, it finds what is left.
      if (kind === "erased" && !(await eraseAccount(mail, memberId, () => closed))) return;
    }
    const last = changes.at(-1);
    if (!last) return;
    await database.write(() => void advance.run(last.seq));
    await catchUp();
  }

  const line = createLine(catchUp);

  function followSoon(): void {
    line.run().catch((error: unknown) => {
      log.error("mail.follow-members-failed", { error });
      if (closed) return;
      clearTimeout(retry);
      retry = setTimeout(followSoon, retryAfterMs).unref();
    });
  }

  const stopListening = members.onChange(followSoon);
  followSoon();
  return {
    settle: () => line.run(),
    close() {
      closed = true;
      stopListening();
      clearTimeout(retry);
      return line.ended();
    },
  };
}

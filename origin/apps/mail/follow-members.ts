import { followChanges, type FollowMembers } from "../../members/follow-changes.ts";
import type { MailContext } from "./mail-context.ts";
import { eraseAccount } from "./mailbox/erase-account.ts";

/** Takes the mail of members who are erased, wherever that was done. */
export function followMembers(
  mail: Pick<MailContext, "blobs" | "database" | "emails" | "log" | "members">,
): FollowMembers {
  const { database, members, log } = mail;
  const position = database.prepare<{ at: number }>("SELECT member_change AS at FROM followed WHERE id = 1");
  const advance = database.prepare("UPDATE followed SET member_change = ? WHERE id = 1");
  return followChanges({
    members,
    position: () => position.get()?.at ?? 0,
    async follow(changes, isClosed) {
      // Done anew after a kill, it finds what is left.
      for (const { kind, memberId } of changes)
        if (kind === "erased" && !(await eraseAccount(mail, memberId, isClosed))) return;
      await database.write(() => void advance.run(changes.at(-1)?.seq ?? 0));
    },
    onError: (error) => log.error("mail.follow-members-failed", { error }),
  });
}

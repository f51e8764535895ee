import type { Database } from "../storage/database.ts";
import type { Transaction } from "../storage/writer.ts";
import type { Accounts } from "./accounts.ts";
import type { Keys } from "./keys/keys.ts";
import type { Member, Members } from "./members.ts";
import type { Sessions } from "./sessions.ts";

/** Ends whatever lets anybody in without a password, in one transaction: all of it ends, or none. */
export function createRevokeAll(options: {
  database: Database;
  accounts: Pick<Accounts, "list">;
  sessions: Pick<Sessions, "endInside">;
  webSessions: { readonly endInside: (transaction: Transaction, member: Member) => number };
  keys: Pick<Keys, "revokeInside">;
  now: () => number;
}): Members["revokeAll"] {
  const { database, accounts, sessions, webSessions, keys, now } = options;
  const revokeInvites = database.prepare(
    `UPDATE invites SET revoked_at = ?1
     WHERE revoked_at IS NULL AND uses < uses_allowed AND expires_at > ?1`,
  );
  const deleteSetupTokens = database.prepare("DELETE FROM setup_tokens");
  const deleteTickets = database.prepare("DELETE FROM tickets");
  const deleteApprovals = database.prepare("DELETE FROM approvals");
  return () =>
    database.write((transaction) => {
      let [devices, browsers, revoked] = [0, 0, 0];
      for (const member of accounts.list()) {
        devices += sessions.endInside(transaction, member);
        // Counts up the epoch too, which ends what else hangs on it.
        browsers += webSessions.endInside(transaction, member);
        revoked += keys.revokeInside(member.id);
      }
      deleteSetupTokens.run();
      deleteTickets.run();
      deleteApprovals.run();
      return { devices, browsers, keys: revoked, invites: revokeInvites.run(now()).changes };
    });
}

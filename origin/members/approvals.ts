import type { Database } from "../storage/database.ts";
import type { Members } from "./members.ts";

export interface Approvals {
  readonly give: Members["approve"];
  readonly hold: Members["approved"];
  readonly end: Members["endApproval"];
}

/** A member's yes to what a client may do next, given on a page of ours: it holds for minutes, and for one act. */
export function createApprovals(database: Database, now: () => number): Approvals {
  const insert = database.prepare(
    `INSERT INTO approvals (member_id, act, expires_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at`,
  );
  const select = database.prepare<{ expiresAt: number }>(
    "SELECT expires_at AS expiresAt FROM approvals WHERE member_id = ? AND act = ?",
  );
  const remove = database.prepare("DELETE FROM approvals WHERE member_id = ? AND act = ?");
  return {
    give: (memberId, act, forMs) => database.write(() => void insert.run(memberId, act, now() + forMs)),
    hold: (memberId, act) => (select.get(memberId, act)?.expiresAt ?? 0) > now(),
    end: (memberId, act) => database.write(() => void remove.run(memberId, act)),
  };
}

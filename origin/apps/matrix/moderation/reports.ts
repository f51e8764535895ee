import type { Alerts } from "../../../host/alerts/alerts.ts";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** What members have reported (specification §Reporting content), until the owner has dealt with it. */
export interface Reports {
  /** A repeat, while the first is open, only replaces its reason. The owner is told after the commit. */
  add(transaction: Transaction, report: NewReport): void;
  get(id: number): Report | undefined;
  /** Newest first, those before `before`. */
  list(question: { state: "open" | "resolved" | "all"; before: number; limit: number }): Report[];
  /** False: there is none of this id, or it is resolved already. */
  resolve(transaction: Transaction, id: number, by: string, note: string): boolean;
  openCount(): number;
}

export interface NewReport {
  readonly kind: "event" | "room" | "user";
  readonly reporter: string;
  readonly roomId: string | null;
  readonly eventId: string | null;
  /** Who is complained of: the sender of an event, too. */
  readonly user: string | null;
  readonly reason: string;
}

export interface Report extends NewReport {
  readonly id: number;
  readonly createdAt: number;
  readonly resolvedAt: number | null;
  readonly resolvedBy: string | null;
  readonly note: string | null;
}

/** Whoever has so many open ones rings nobody's phone any more. */
const mostAlerts = 10;

export function createReports(parts: {
  database: Database;
  alerts: Pick<Alerts, "raise" | "clear">;
  now: () => number;
}): Reports {
  const { database, alerts, now } = parts;
  const columns = `id, kind, reporter, room_id AS roomId, event_id AS eventId, user, reason, created_at AS createdAt,
    resolved_at AS resolvedAt, resolved_by AS resolvedBy, note`;
  const insert = database.prepare<{ id: number; createdAt: number }>(
    `INSERT INTO reports (kind, reporter, subject, room_id, event_id, user, reason, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (reporter, kind, subject) WHERE resolved_at IS NULL DO UPDATE SET reason = excluded.reason
     RETURNING id, created_at AS createdAt`,
  );
  const select = database.prepare<Report>(`SELECT ${columns} FROM reports WHERE id = ?`);
  const selectOf = (condition: string) =>
    database.prepare<Report>(
      `SELECT ${columns} FROM reports WHERE id < ? AND ${condition} ORDER BY id DESC LIMIT ?`,
    );
  const lists = {
    open: selectOf("resolved_at IS NULL"),
    resolved: selectOf("resolved_at IS NOT NULL"),
    all: selectOf("true"),
  };
  const resolve = database.prepare(
    "UPDATE reports SET resolved_at = ?, resolved_by = ?, note = ? WHERE id = ? AND resolved_at IS NULL",
  );
  const openOf = database.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM reports WHERE reporter = ? AND resolved_at IS NULL",
  );
  const open = database.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM reports INDEXED BY reports_open WHERE resolved_at IS NULL",
  );

  return {
    add(transaction, { kind, reporter, roomId, eventId, user, reason }) {
      const subject = eventId ?? roomId ?? user ?? "";
      const [row] = insert.all(kind, reporter, subject, roomId, eventId, user, reason, now());
      if (!row || (openOf.get(reporter)?.count ?? 0) > mostAlerts) return;
      transaction.afterCommit(() =>
        alerts.raise({
          id: `report:${row.id}`,
          severity: "warning",
          title: `${reporter} has reported ${kind === "event" ? "a message" : `a ${kind}`}`,
          // Neither the reason nor the message: alerts leave this machine.
          detail: `See what it is about: burrow report list. When it is dealt with: burrow report resolve ${row.id} --note TEXT`,
        }),
      );
    },
    get: (id) => select.get(id),
    list: ({ state, before, limit }) => lists[state].all(before, limit),
    resolve(transaction, id, by, note) {
      if (resolve.run(now(), by, note, id).changes === 0) return false;
      transaction.afterCommit(() => alerts.clear(`report:${id}`));
      return true;
    },
    openCount: () => open.get()?.count ?? 0,
  };
}

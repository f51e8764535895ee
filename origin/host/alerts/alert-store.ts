import type { Database } from "../../storage/database.ts";
import type { Alert, AlertRecord } from "./alert.ts";

/** A message that waits to be sent through a port. */
export interface Delivery {
  readonly seq: number;
  readonly port: string;
  readonly news: "raised" | "cleared";
  readonly queuedAt: number;
  readonly attempts: number;
  readonly alert: AlertRecord;
}

export interface AlertStore {
  /** Whether the same alert was noted so short a while ago, that noting it again would only cost a write. */
  isFresh(alert: Alert): boolean;
  isOpen(id: string): boolean;
  /** Resolves with whether it was not open before. */
  raise(alert: Alert): Promise<boolean>;
  /** Resolves with whether it was open. */
  clear(id: string): Promise<boolean>;
  history(limit: number): AlertRecord[];
  open(): AlertRecord[];
  /** The messages whose time has come, the oldest first. */
  due(limit: number): Delivery[];
  /** When the next one is due; undefined when none waits. */
  nextDue(): number | undefined;
  delivered(seq: number): Promise<void>;
  postpone(seq: number, until: number): Promise<void>;
}

/** An alert that comes again within this time of its last message is kept, and sent only if it lasts that long. */
export const quietMs = 3_600_000;
/** One that simply stays open is told again after this time. */
const reminderMs = 24 * 3_600_000;
/** How long an open alert is not written again while nothing about it changes. */
const freshMs = 600_000;
/** Closed alerts beyond so many are forgotten, the oldest first. */
const kept = 1_000;
const longestTitle = 200;
const longestDetail = 2_000;

const columns = `seq, id, severity, title, detail, raised_at AS raisedAt, last_raised_at AS lastRaisedAt, cleared_at AS clearedAt`;

export function openAlertStore(options: {
  database: Database;
  ports: readonly string[];
  now: () => number;
  redact: (text: string) => string;
}): AlertStore {
  const { database, ports, now, redact } = options;
  const findOpen = database.prepare<AlertRecord & { announcedAt: number | null }>(
    `SELECT ${columns}, announced_at AS announcedAt FROM alert WHERE id = ? AND cleared_at IS NULL`,
  );
  const lastAnnounced = database.prepare<{ at: number | null }>(
    "SELECT max(announced_at) AS at FROM alert WHERE id = ?",
  );
  const insert = database.prepare(
    "INSERT INTO alert (id, severity, title, detail, raised_at, last_raised_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
  );
  const refresh = database.prepare(
    "UPDATE alert SET severity = ?, title = ?, detail = ?, last_raised_at = ? WHERE seq = ?",
  );
  const announce = database.prepare("UPDATE alert SET announced_at = ? WHERE seq = ?");
  const close = database.prepare("UPDATE alert SET cleared_at = ? WHERE seq = ?");
  const queue = database.prepare(
    "INSERT INTO alert_delivery (alert, port, news, queued_at, due_at) VALUES (?, ?, ?, ?, ?)",
  );
  const unsent = database.prepare<{ seq: number }>(
    "SELECT seq FROM alert_delivery WHERE alert = ? AND news = 'raised'",
  );
  const dropUnsent = database.prepare("DELETE FROM alert_delivery WHERE alert = ?");
  const forget = database.prepare(
    `DELETE FROM alert WHERE cleared_at IS NOT NULL AND seq <= (SELECT max(seq) FROM alert) - ${kept}`,
  );
  const all = database.prepare<AlertRecord>(`SELECT ${columns} FROM alert ORDER BY seq DESC LIMIT ?`);
  const allOpen = database.prepare<AlertRecord>(
    `SELECT ${columns} FROM alert WHERE cleared_at IS NULL ORDER BY seq DESC`,
  );
  // Queued in the future: the clock was set back since, and would hold the message up for as long.
  const dueRows = database.prepare<DueRow>(
    `SELECT d.seq AS delivery, d.port, d.news, d.queued_at AS queuedAt, d.attempts, a.seq, a.id, a.severity,
       a.title, a.detail, a.raised_at AS raisedAt, a.last_raised_at AS lastRaisedAt, a.cleared_at AS clearedAt
     FROM alert_delivery d JOIN alert a ON a.seq = d.alert WHERE d.due_at <= ?1 OR d.queued_at > ?1 ORDER BY d.seq LIMIT ?2`,
  );
  const earliest = database.prepare<{ at: number | null }>("SELECT min(due_at) AS at FROM alert_delivery");
  const remove = database.prepare("DELETE FROM alert_delivery WHERE seq = ?");
  const delay = database.prepare(
    "UPDATE alert_delivery SET due_at = ?, attempts = attempts + 1 WHERE seq = ?",
  );

  function enqueue(alert: number, news: "raised" | "cleared", due: number): void {
    for (const port of ports) queue.run(alert, port, news, now(), due);
  }

  return {
    isFresh(alert) {
      const found = findOpen.get(alert.id);
      if (!found || found.severity !== alert.severity) return false;
      // The detail often carries a figure that moves (bytes, seconds): it alone is no reason to write.
      const age = now() - found.lastRaisedAt;
      return age >= 0 && age < freshMs;
    },
    isOpen: (id) => findOpen.get(id) !== undefined,
    raise(alert) {
      const title = redact(alert.title).slice(0, longestTitle);
      const detail = redact(alert.detail).slice(0, longestDetail);
      return database.write(() => {
        const time = now();
        const found = findOpen.get(alert.id);
        if (!found) {
          const told = lastAnnounced.get(alert.id)?.at ?? null;
          insert.run(alert.id, alert.severity, title, detail, time);
          const seq = findOpen.get(alert.id)?.seq ?? 0;
          // A clock set back must not keep an alert silent: the future is no "last time".
          const due = told !== null && told <= time ? Math.max(time, told + quietMs) : time;
          announce.run(due, seq);
          enqueue(seq, "raised", due);
          forget.run();
          return true;
        }
        refresh.run(alert.severity, title, detail, time, found.seq);
        const graver = found.severity === "warning" && alert.severity === "critical";
        const old = found.announcedAt === null || Math.abs(time - found.announcedAt) >= reminderMs;
        if (graver || old) {
          dropUnsent.run(found.seq);
          announce.run(time, found.seq);
          enqueue(found.seq, "raised", time);
        }
        return false;
      });
    },
    clear(id) {
      return database.write(() => {
        const found = findOpen.get(id);
        if (!found) return false;
        close.run(now(), found.seq);
        // What nobody was told of yet needs no message, and its end neither.
        const waiting = unsent.all(found.seq).length;
        if (waiting > 0) {
          dropUnsent.run(found.seq);
          if (waiting === ports.length) announce.run(null, found.seq);
        }
        if (waiting < ports.length) enqueue(found.seq, "cleared", now());
        return true;
      });
    },
    history: (limit) => all.all(limit),
    open: () => allOpen.all(),
    due: (limit) => dueRows.all(now(), limit).map(readDue),
    nextDue: () => earliest.get()?.at ?? undefined,
    async delivered(seq) {
      await database.write(() => remove.run(seq));
    },
    async postpone(seq, until) {
      await database.write(() => delay.run(until, seq));
    },
  };
}

interface DueRow extends AlertRecord {
  readonly delivery: number;
  readonly port: string;
  readonly news: Delivery["news"];
  readonly queuedAt: number;
  readonly attempts: number;
}

function readDue({ delivery, port, news, queuedAt, attempts, ...alert }: DueRow): Delivery {
  return { seq: delivery, port, news, queuedAt, attempts, alert };
}

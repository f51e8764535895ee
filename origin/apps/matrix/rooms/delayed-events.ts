import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { MatrixError } from "../matrix-error.ts";

/** An event that waits to be sent (MSC4140), or what became of it. */
export interface DelayedEvent {
  readonly delayId: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly roomId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  /** Of the request that scheduled it. */
  readonly txnId: string | undefined;
  /** ms */
  readonly delay: number;
  /** Unix ms. */
  readonly sendAt: number;
  readonly finalised: Finalised | undefined;
}

export interface Finalised {
  /** Unix ms. */
  readonly at: number;
  /** Sent as this event. Neither this nor `error`: cancelled on request. */
  readonly eventId: string | undefined;
  /** Why it was not sent: the body of an error. */
  readonly error: SendError | undefined;
}

export type SendError = JsonObject & { readonly errcode: string; readonly error: string };

/** What a delayed event becomes: `{ eventId }`, `{ error }`, or `{}` when it was cancelled. */
export interface Outcome {
  readonly eventId?: string;
  readonly error?: SendError;
}

/** The events that are to be sent later. Whatever changes them runs inside a write. */
export interface DelayedEvents {
  /** Throws 400 beyond what one member may have waiting. */
  schedule(transaction: Transaction, event: Omit<DelayedEvent, "finalised">): void;
  find(delayId: string): DelayedEvent | undefined;
  /** Those still waiting, the next one first. */
  waiting(userId: string): DelayedEvent[];
  /** Those whose time has come. */
  due(now: number, limit: number): DelayedEvent[];
  /** Unix ms of the next one; undefined when none waits. */
  nextDue(): number | undefined;
  restart(transaction: Transaction, delayId: string, sendAt: number): void;
  finalise(transaction: Transaction, delayId: string, outcome: Outcome): void;
  /**
   * Somebody has set this state: what others have waiting for the same key would undo it, and is cancelled (MSC4140
   * §Cancellation). The sender's own stays: a call's hang-up must outlive the renewal of its membership.
   */
  stateSet(transaction: Transaction, roomId: string, type: string, stateKey: string, sender: string): void;
  /** The account is gone, and with it all it had waiting. */
  forget(userId: string): void;
  /** To be called daily: drops what was done a week ago. */
  expire(): Promise<void>;
  /** Calls back whenever `nextDue` may have become earlier. */
  onScheduled(listener: () => void): void;
}

export const mostWaiting = 100;
/** ms: a day. */
export const longestDelay = 24 * 60 * 60 * 1000;

/** The outcome of the last ones is kept as long: a client that repeats its request is told it. */
const keptFor = 7 * 24 * 60 * 60 * 1000;
const mostKept = 1000;

interface Row {
  delay_id: string;
  user: string;
  device: string;
  room: string;
  type: string;
  state_key: string | null;
  content: string;
  txn_id: string | null;
  delay: number;
  send_at: number;
  finalised_at: number | null;
  event_id: string | null;
  error: string | null;
}

export function createDelayedEvents(database: Database, now: () => number): DelayedEvents {
  const waits = "finalised_at IS NULL";
  const insert = database.prepare(
    `INSERT INTO delayed_events (delay_id, user, device, room, type, state_key, content, txn_id, delay, send_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const count = database.prepare<{ n: number }>(
    `SELECT count(*) AS n FROM delayed_events WHERE user = ? AND ${waits}`,
  );
  const find = database.prepare<Row>("SELECT * FROM delayed_events WHERE delay_id = ?");
  const waiting = database.prepare<Row>(
    `SELECT * FROM delayed_events WHERE user = ? AND ${waits} ORDER BY send_at, rowid`,
  );
  const due = database.prepare<Row>(
    `SELECT * FROM delayed_events WHERE ${waits} AND send_at <= ? ORDER BY send_at, rowid LIMIT ?`,
  );
  const next = database.prepare<{ at: number | null }>(
    `SELECT min(send_at) AS at FROM delayed_events WHERE ${waits}`,
  );
  const restart = database.prepare(`UPDATE delayed_events SET send_at = ? WHERE delay_id = ? AND ${waits}`);
  const finalise = database.prepare<{ user: string }>(
    `UPDATE delayed_events SET finalised_at = ?, event_id = ?, error = ? WHERE delay_id = ? AND ${waits}
     RETURNING user`,
  );
  const trim = database.prepare(
    `DELETE FROM delayed_events WHERE rowid IN (SELECT rowid FROM delayed_events
       WHERE user = ? AND finalised_at IS NOT NULL ORDER BY finalised_at DESC, rowid DESC LIMIT -1 OFFSET ${mostKept})`,
  );
  const cancelOfOthers = database.prepare(
    `UPDATE delayed_events SET finalised_at = ?, error = ?
     WHERE room = ? AND type = ? AND state_key = ? AND user <> ? AND ${waits}`,
  );
  const forget = database.prepare("DELETE FROM delayed_events WHERE user = ?");
  const expire = database.prepare("DELETE FROM delayed_events WHERE finalised_at < ?");
  let listener: () => void = () => {};

  return {
    schedule(transaction, event) {
      if ((count.get(event.userId)?.n ?? 0) >= mostWaiting) {
        throw new MatrixError(
          400,
          "M_UNKNOWN",
          `You may have at most ${mostWaiting} events waiting to be sent: cancel some, or wait.`,
          { "org.matrix.msc4140.errcode": "M_MAX_DELAYED_EVENTS_EXCEEDED" },
        );
      }
      const { delayId, userId, deviceId, roomId, type, stateKey, content, txnId, delay, sendAt } = event;
      const text = JSON.stringify(content);
      insert.run(
        delayId,
        userId,
        deviceId,
        roomId,
        type,
        stateKey ?? null,
        text,
        txnId ?? null,
        delay,
        sendAt,
      );
      transaction.afterCommit(() => listener());
    },
    find: (delayId) => toEvent(find.get(delayId)),
    waiting: (userId) => waiting.all(userId).map((row) => toEvent(row)),
    due: (at, limit) => due.all(at, limit).map((row) => toEvent(row)),
    nextDue: () => next.get()?.at ?? undefined,
    restart(transaction, delayId, sendAt) {
      restart.run(sendAt, delayId);
      transaction.afterCommit(() => listener());
    },
    finalise(_transaction, delayId, { eventId, error }) {
      const text = error ? JSON.stringify(error) : null;
      const [row] = finalise.all(now(), eventId ?? null, text, delayId);
      if (row) trim.run(row.user);
    },
    stateSet(_transaction, roomId, type, key, sender) {
      cancelOfOthers.run(now(), cancelledByState, roomId, type, key, sender);
    },
    forget: (userId) => void forget.run(userId),
    expire: () => database.write(() => void expire.run(now() - keptFor)),
    onScheduled: (callback) => void (listener = callback),
  };
}

const cancelledByState = JSON.stringify({
  errcode: "M_UNKNOWN",
  error: "Somebody else has changed this piece of the room's state meanwhile, so the event was not sent.",
  "org.matrix.msc4140.errcode": "M_CANCELLED_BY_STATE_UPDATE",
});

function toEvent(row: Row): DelayedEvent;
function toEvent(row: Row | undefined): DelayedEvent | undefined;
function toEvent(row: Row | undefined): DelayedEvent | undefined {
  if (!row) return undefined;
  return {
    delayId: row.delay_id,
    userId: row.user,
    deviceId: row.device,
    roomId: row.room,
    type: row.type,
    stateKey: row.state_key ?? undefined,
    content: JSON.parse(row.content) as JsonObject,
    txnId: row.txn_id ?? undefined,
    delay: row.delay,
    sendAt: row.send_at,
    finalised:
      row.finalised_at === null
        ? undefined
        : {
            at: row.finalised_at,
            eventId: row.event_id ?? undefined,
            error: row.error === null ? undefined : (JSON.parse(row.error) as SendError),
          },
  };
}

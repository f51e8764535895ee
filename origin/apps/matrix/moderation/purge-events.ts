import type { Transaction } from "../../../storage/writer.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Room } from "../rooms/room.ts";

export interface Purge {
  /** The range of positions: (after, upTo]. */
  readonly after: number;
  readonly upTo: number;
  readonly keeps: (event: PurgeableEvent) => boolean;
}

export interface PurgeableEvent {
  readonly so: number;
  readonly type: string;
  readonly state_key: string | null;
  /** Of a state event: until when it held; null: it holds now. Of a message undefined. */
  readonly heldUntil: number | null | undefined;
}

/** Looked at in one write: some 10 ms on a phone. */
const eventsAWrite = 200;

/**
 * Deletes events for good, the oldest first, with the state that they were: a part of the range at a time. `next` is
 * where to go on; null: the range is done. Nothing of them is told to clients.
 */
export function purgeEvents(
  matrix: MatrixContext,
  transaction: Transaction,
  room: Room,
  { after, upTo, keeps }: Purge,
): { next: number | null; seen: number; deleted: number } {
  const { database } = matrix;
  const range = database.prepare<{ so: number; type: string; state_key: string | null }>(
    "SELECT so, type, state_key FROM events WHERE room = ? AND so > ? AND so <= ? ORDER BY so LIMIT ?",
  );
  const held = database.prepare<{ to_so: number | null }>(
    "SELECT to_so FROM state WHERE room = ? AND type = ? AND state_key = ? AND from_so = ?",
  );
  const dropState = database.prepare(
    "DELETE FROM state WHERE room = ? AND type = ? AND state_key = ? AND from_so = ?",
  );
  const dropEvent = database.prepare("DELETE FROM events WHERE so = ?");
  const rows = range.all(room.nid, after, upTo, eventsAWrite);
  let deleted = 0;
  for (const { so, type, state_key: key } of rows) {
    const heldUntil = key === null ? undefined : (held.get(room.nid, type, key, so)?.to_so ?? null);
    if (keeps({ so, type, state_key: key, heldUntil })) continue;
    if (key !== null) dropState.run(room.nid, type, key, so);
    dropEvent.run(so);
    matrix.events.changed(so);
    transaction.onRollback(() => matrix.events.changed(so));
    deleted += 1;
  }
  return { next: rows.length < eventsAWrite ? null : (rows.at(-1)?.so ?? null), seen: rows.length, deleted };
}

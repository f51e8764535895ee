import type { Database } from "../../../storage/database.ts";
import type { PresenceState } from "./presence.ts";

export interface StoredPresence {
  readonly userId: string;
  readonly state: PresenceState;
  readonly statusMessage: string | undefined;
  /** Unix ms. */
  readonly lastActive: number;
}

/** What is left of presence over a restart. */
export interface PresenceStore {
  all(): StoredPresence[];
  /** Only inside a write. */
  save(presence: StoredPresence): void;
  remove(userId: string): void;
}

interface Row {
  user: string;
  state: PresenceState;
  status_msg: string | null;
  last_active: number;
}

export function createPresenceStore(database: Database): PresenceStore {
  const all = database.prepare<Row>("SELECT user, state, status_msg, last_active FROM presence");
  const save = database.prepare(
    `INSERT INTO presence (user, state, status_msg, last_active) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET state = excluded.state, status_msg = excluded.status_msg, last_active = excluded.last_active`,
  );
  const remove = database.prepare("DELETE FROM presence WHERE user = ?");
  return {
    all: () =>
      all.all().map((row) => ({
        userId: row.user,
        state: row.state,
        statusMessage: row.status_msg ?? undefined,
        lastActive: row.last_active,
      })),
    save({ userId, state, statusMessage, lastActive }) {
      save.run(userId, state, statusMessage ?? null, lastActive);
    },
    remove: (userId) => void remove.run(userId),
  };
}

import type { Database } from "../../../storage/database.ts";

/** Where a mail program is told that something has changed (RFC 8620 §7.2). */
export interface SubscriptionRow {
  readonly id: number;
  readonly account: number;
  readonly device: string;
  readonly url: string;
  /** JSON of p256dh and auth (RFC 8291), or null: then it is told in clear text. */
  readonly keys: string | null;
  readonly code: string;
  /** Whether the program has said the code back; nothing else is pushed before. */
  readonly verified: number;
  /** Unix ms. */
  readonly expiresAt: number;
  /** JSON of the kinds of object it wants, or null for all. */
  readonly types: string | null;
}

export type NewSubscription = Omit<SubscriptionRow, "id" | "verified">;

export interface SubscriptionStore {
  /** Those that have not expired. */
  list(account: number): SubscriptionRow[];
  insert(subscription: NewSubscription): Promise<SubscriptionRow>;
  update(id: number, change: { verified: boolean; expiresAt: number; types: string | null }): Promise<void>;
  remove(id: number): Promise<void>;
}

export function createSubscriptionStore(database: Database, now: () => number): SubscriptionStore {
  const columns = "id, account, device, url, keys, code, verified, expires_at AS expiresAt, types";
  const selectAll = database.prepare<SubscriptionRow>(
    `SELECT ${columns} FROM push_subscriptions WHERE account = ? AND expires_at > ? ORDER BY id`,
  );
  const insertRow = database.prepare(
    `INSERT INTO push_subscriptions (account, device, url, keys, code, expires_at, types) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const updateRow = database.prepare(
    "UPDATE push_subscriptions SET verified = ?, expires_at = ?, types = ? WHERE id = ?",
  );
  const removeRow = database.prepare("DELETE FROM push_subscriptions WHERE id = ?");
  const removeOld = database.prepare("DELETE FROM push_subscriptions WHERE expires_at <= ?");
  return {
    list: (account) => selectAll.all(account, now()),
    async insert(subscription) {
      const { account, device, url, keys, code, expiresAt, types } = subscription;
      const id = await database.write(() => {
        removeOld.run(now());
        return insertRow.run(account, device, url, keys, code, expiresAt, types).lastInsertRowid;
      });
      return { ...subscription, id, verified: 0 };
    },
    async update(id, { verified, expiresAt, types }) {
      await database.write(() => void updateRow.run(Number(verified), expiresAt, types, id));
    },
    async remove(id) {
      await database.write(() => void removeRow.run(id));
    },
  };
}

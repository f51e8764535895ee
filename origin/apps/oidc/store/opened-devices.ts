import { hash } from "node:crypto";
import type { Database } from "../../../storage/database.ts";

/** Which device a grant has opened: a code that comes a second time ends it (RFC 6749 §4.1.2). */
export interface OpenedDevices {
  note(grantId: string, device: { memberId: number; deviceId: string }): Promise<void>;
  find(grantId: string): { readonly memberId: number; readonly deviceId: string } | undefined;
  /** Forgets those whose codes have expired. */
  expire(): Promise<void>;
}

/** ms; no code lives longer. */
const remembered = 15 * 60 * 1000;

export function createOpenedDevices(database: Database, now: () => number): OpenedDevices {
  const insert = database.prepare(
    `INSERT INTO opened_devices (grant_key, member_id, device_id, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const select = database.prepare<{ memberId: number; deviceId: string }>(
    "SELECT member_id AS memberId, device_id AS deviceId FROM opened_devices WHERE grant_key = ?",
  );
  const remove = database.prepare("DELETE FROM opened_devices WHERE expires_at <= ?");
  const keyOf = (grantId: string): Uint8Array => hash("sha256", grantId, "buffer");
  return {
    note: (grantId, { memberId, deviceId }) =>
      database.write(() => void insert.run(keyOf(grantId), memberId, deviceId, now() + remembered)),
    find: (grantId) => select.get(keyOf(grantId)),
    expire: () => database.write(() => void remove.run(now())),
  };
}

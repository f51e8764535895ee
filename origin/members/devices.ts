import type { Database } from "../storage/database.ts";
import type { Device, Members, Session } from "./members.ts";

export interface Devices {
  readonly list: (memberId: number) => Device[];
  readonly presences: Members["presences"];
  /** Inside a write. False: there is none. */
  readonly rename: (memberId: number, deviceId: string, displayName: string | null) => boolean;
  readonly touch: (session: Session, address: string) => void;
  /** Inside a write: makes the device, or notes a known one as seen. */
  readonly add: (memberId: number, deviceId: string, displayName: string | null, address: string) => void;
  /** Inside a write: takes the device and with it its tokens. False: there was none. */
  readonly remove: (memberId: number, deviceId: string) => boolean;
}

/** Seen-at is for people: once a minute is exact enough, and costs the flash of a phone little. */
const touchInterval = 60_000;
const mostRemembered = 1000;

export function createDevices(options: {
  database: Database;
  now: () => number;
  onError: (error: unknown) => void;
}): Devices {
  const { database, now } = options;
  const select = database.prepare<Device>(
    `SELECT device_id AS deviceId, display_name AS displayName, last_seen_at AS lastSeenAt,
     last_seen_address AS lastSeenAddress FROM devices WHERE member_id = ? ORDER BY created_at, device_id`,
  );
  const selectPresences = database.prepare<{ memberId: number; devices: number; lastSeenAt: number | null }>(
    `SELECT member_id AS memberId, count(*) AS devices, max(last_seen_at) AS lastSeenAt FROM devices
     GROUP BY member_id`,
  );
  const upsert = database.prepare(
    `INSERT INTO devices (member_id, device_id, display_name, created_at, last_seen_at, last_seen_address)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at, last_seen_address = excluded.last_seen_address`,
  );
  const update = database.prepare(
    "UPDATE devices SET last_seen_at = ?, last_seen_address = ? WHERE member_id = ? AND device_id = ?",
  );
  const rename = database.prepare(
    "UPDATE devices SET display_name = ? WHERE member_id = ? AND device_id = ?",
  );
  const remove = database.prepare("DELETE FROM devices WHERE member_id = ? AND device_id = ?");
  const lastTouched = new Map<string, number>();

  return {
    list: (memberId) => select.all(memberId),
    presences: () =>
      new Map(
        selectPresences.all().map(({ memberId, devices, lastSeenAt }) => [memberId, { devices, lastSeenAt }]),
      ),
    rename: (memberId, deviceId, displayName) => rename.run(displayName, memberId, deviceId).changes > 0,
    touch({ memberId, deviceId }, address) {
      const key = `${memberId} ${deviceId}`;
      const at = now();
      // A clock set back must not hide a device for as long: the distance counts, either way.
      if (Math.abs(at - (lastTouched.get(key) ?? Number.NEGATIVE_INFINITY)) < touchInterval) return;
      if (lastTouched.size >= mostRemembered) lastTouched.clear();
      lastTouched.set(key, at);
      database.write(() => void update.run(at, address, memberId, deviceId)).catch(options.onError);
    },
    add(memberId, deviceId, displayName, address) {
      const at = now();
      upsert.run(memberId, deviceId, displayName, at, at, address);
    },
    remove: (memberId, deviceId) => remove.run(memberId, deviceId).changes > 0,
  };
}

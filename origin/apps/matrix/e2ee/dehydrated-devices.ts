import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { invalidParam } from "../matrix-error.ts";
import { type LocalMembers, localMember } from "../users/local-member.ts";
import type { DeviceKeys, KeyUpload } from "./device-keys.ts";
import { signedText } from "./signed-json.ts";
import type { ToDevice } from "./to-device.ts";

/**
 * A device that nobody is signed in on (MSC3814): it gathers room keys while its user has no other, and a client that
 * holds the secret wakes it to read them. One a user. It lives as long as the account: signing out everywhere is
 * what it is there for.
 */
export interface DehydratedDevices {
  find(userId: string): DehydratedDevice | undefined;
  /**
   * Puts it in the place of the one before, whose keys and queue go. `upload` must have device keys; 400
   * M_INVALID_PARAM where they name another device, or a signed-in device has the id.
   */
  replace(transaction: Transaction, userId: string, device: DehydratedDevice, upload: KeyUpload): void;
  /** Removes it with its keys and its queue, and gives its id; undefined where there was none. */
  remove(transaction: Transaction, userId: string): string | undefined;
}

export interface DehydratedDevice {
  readonly deviceId: string;
  readonly displayName: string | null;
  /** The device itself, as its user's clients have encrypted it. */
  readonly data: JsonObject;
}

export function createDehydratedDevices(
  parts: { database: Database; deviceKeys: DeviceKeys; toDevice: ToDevice } & LocalMembers,
): DehydratedDevices {
  const { database, deviceKeys, toDevice } = parts;
  const select = database.prepare<{ deviceId: string; displayName: string | null; data: string }>(
    "SELECT device AS deviceId, name AS displayName, data FROM dehydrated_devices WHERE user = ?",
  );
  const save = database.prepare(
    `INSERT INTO dehydrated_devices (user, device, name, data) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET device = excluded.device, name = excluded.name, data = excluded.data`,
  );
  const drop = database.prepare("DELETE FROM dehydrated_devices WHERE user = ?");

  function find(userId: string): DehydratedDevice | undefined {
    const row = select.get(userId);
    return row && { ...row, data: JSON.parse(row.data) as JsonObject };
  }

  function remove(transaction: Transaction, userId: string): string | undefined {
    const deviceId = find(userId)?.deviceId;
    if (deviceId === undefined) return undefined;
    toDevice.removeDevice(userId, deviceId);
    deviceKeys.removeDevice(transaction, userId, deviceId);
    drop.run(userId);
    return deviceId;
  }

  /** The client repeats a request whose answer it did not get. */
  function isRepeat(userId: string, { deviceId }: DehydratedDevice, keys: JsonObject | undefined): boolean {
    if (find(userId)?.deviceId !== deviceId) return false;
    const published = deviceKeys.published(userId, deviceId);
    return !!keys && !!published && signedText(keys) === signedText(published);
  }

  return {
    find,
    remove,
    replace(transaction, userId, device, upload) {
      const { deviceId, displayName, data } = device;
      const member = localMember(parts, userId);
      if (member && parts.members.devices(member.id).some((other) => other.deviceId === deviceId)) {
        throw invalidParam("You are signed in on a device of this id: a dehydrated device needs its own.");
      }
      // One-time keys of the first try may have been given out already: they must not come a second time.
      const repeat = isRepeat(userId, device, upload.deviceKeys);
      if (!repeat) remove(transaction, userId);
      save.run(userId, deviceId, displayName, JSON.stringify(data));
      deviceKeys.upload(transaction, userId, deviceId, repeat ? { ...upload, oneTimeKeys: [] } : upload);
    },
  };
}

import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { tooLarge } from "../matrix-error.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";
import type { UserDevices } from "./user-devices.ts";

/** Messages to single devices, kept until the device has proved that it got them (specification §Send-to-Device). */
export interface ToDevice {
  /**
   * Queues messages. `*` means all devices that the user has now; devices and users that do not exist are dropped
   * in silence. Throws 413 M_TOO_LARGE for a message beyond 64 KiB.
   */
  send(transaction: Transaction, sender: string, type: string, messages: ToDeviceMessages): void;
  /** The oldest `limit` messages after the position that the client has shown us, in order. */
  pending(userId: string, deviceId: string, after: number, upTo: number, limit: number): PendingMessage[];
  /** Drops what is at or before the position: the client's `since` proves that it has it. Writes only if needed. */
  acknowledge(userId: string, deviceId: string, upTo: number): Promise<void>;
  /** Inside a write: the device is gone, and its queue with it. */
  removeDevice(userId: string, deviceId: string): void;
}

/** User id → device id or `*` → content. */
export type ToDeviceMessages = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;

export interface PendingMessage {
  readonly so: number;
  readonly sender: string;
  readonly type: string;
  readonly content: JsonObject;
}

/** Bytes of JSON: what an event may have. One message is stored once for each device of `*`. */
const largestMessage = 65_536;

export function createToDevice(parts: {
  database: Database;
  stream: Stream;
  waiters: Waiters;
  userDevices: UserDevices;
}): ToDevice {
  const { database, stream, waiters, userDevices } = parts;
  const insert = database.prepare(
    "INSERT INTO to_device (so, user, device, sender, type, content) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const pending = database.prepare<{ so: number; sender: string; type: string; content: string }>(
    `SELECT so, sender, type, content FROM to_device
     WHERE user = ? AND device = ? AND so > ? AND so <= ? ORDER BY so LIMIT ?`,
  );
  const anyUpTo = database.prepare(
    "SELECT 1 AS found FROM to_device WHERE user = ? AND device = ? AND so <= ? LIMIT 1",
  );
  const dropUpTo = database.prepare("DELETE FROM to_device WHERE user = ? AND device = ? AND so <= ?");
  const dropAll = database.prepare("DELETE FROM to_device WHERE user = ? AND device = ?");

  return {
    send(transaction, sender, type, messages) {
      const reached: string[] = [];
      let last = 0;
      for (const [userId, byDevice] of messages) {
        const devices = userDevices.of(userId);
        for (const [target, content] of byDevice) {
          const text = JSON.stringify(content);
          if (Buffer.byteLength(text) > largestMessage)
            throw tooLarge("A message to a device may have at most 64 KiB.");
          for (const { deviceId } of devices) {
            if (target !== "*" && target !== deviceId) continue;
            last = stream.next(transaction);
            insert.run(last, userId, deviceId, sender, type, text);
            reached.push(userId);
          }
        }
      }
      if (reached.length > 0) transaction.afterCommit(() => waiters.notify(new Set(reached), last));
    },
    pending: (userId, deviceId, after, upTo, limit) =>
      pending
        .all(userId, deviceId, after, upTo, limit)
        .map((row) => ({ ...row, content: JSON.parse(row.content) as JsonObject })),
    async acknowledge(userId, deviceId, upTo) {
      if (anyUpTo.get(userId, deviceId, upTo) === undefined) return;
      await database.write(() => void dropUpTo.run(userId, deviceId, upTo));
    },
    removeDevice: (userId, deviceId) => void dropAll.run(userId, deviceId),
  };
}

import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Stream } from "../store/stream.ts";

/** Where a member's app wants its notifications (specification §pushers). It belongs to the device that set it. */
export interface Pusher {
  readonly userId: string;
  readonly appId: string;
  readonly pushkey: string;
  readonly deviceId: string;
  readonly appDisplayName: string;
  readonly deviceDisplayName: string;
  readonly profileTag: string | null;
  readonly lang: string;
  readonly url: string;
  /** What the client gave as `data`, without the URL: all of it goes to the gateway. */
  readonly data: JsonObject;
  /** Unix ms. */
  readonly setAt: number;
}

/** How far a pusher's notifications have been sent. */
export interface PusherMark {
  /** Every notification up to this position has been sent, or need not be. */
  readonly pushed: number;
  /** The number of unread messages that was sent last; null before the first. */
  readonly badge: number | null;
}

/** The door to the table of pushers. */
export interface Pushers {
  of(userId: string): (Pusher & PusherMark)[];
  all(): (Pusher & PusherMark)[];
  /**
   * Adds it, or replaces the one of this user, app and key, whose mark stays. Unless `append`, the same app and key of
   * other users go. Throws 400 M_LIMIT_EXCEEDED when the user has too many.
   */
  set(transaction: Transaction, pusher: Pusher, append: boolean): void;
  remove(transaction: Transaction, userId: string, appId: string, pushkey: string): void;
  /** Those that the device set. */
  removeDevice(transaction: Transaction, userId: string, deviceId: string): void;
  /** Only inside a write. A pusher that is gone by then is no error. */
  saveMark(pusher: Pusher, mark: PusherMark): void;
  /** Called after each commit that changed the user's pushers. */
  onChange(listener: (userId: string) => void): void;
}

interface Row {
  user: string;
  app_id: string;
  pushkey: string;
  device: string;
  app_display_name: string;
  device_display_name: string;
  profile_tag: string | null;
  lang: string;
  url: string;
  data: string;
  set_at: number;
  pushed: number;
  badge: number | null;
}

/** Each is a request to somebody else's server for every message. */
const maximumPushers = 50;

export function createPushers(database: Database, stream: Stream): Pushers {
  const ofUser = database.prepare<Row>("SELECT * FROM pushers WHERE user = ?");
  const all = database.prepare<Row>("SELECT * FROM pushers ORDER BY user");
  const save = database.prepare(
    `INSERT INTO pushers (user, app_id, pushkey, device, app_display_name, device_display_name, profile_tag, lang,
       url, data, set_at, pushed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET device = excluded.device, app_display_name = excluded.app_display_name,
       device_display_name = excluded.device_display_name, profile_tag = excluded.profile_tag, lang = excluded.lang,
       url = excluded.url, data = excluded.data, set_at = excluded.set_at`,
  );
  const count = database.prepare<{ pushers: number }>(
    "SELECT count(*) AS pushers FROM pushers WHERE user = ?",
  );
  const removeOthers = database.prepare<{ user: string }>(
    "DELETE FROM pushers WHERE app_id = ? AND pushkey = ? AND user <> ? RETURNING user",
  );
  const remove = database.prepare("DELETE FROM pushers WHERE user = ? AND app_id = ? AND pushkey = ?");
  const removeDevice = database.prepare("DELETE FROM pushers WHERE user = ? AND device = ?");
  const saveMark = database.prepare(
    "UPDATE pushers SET pushed = ?, badge = ? WHERE user = ? AND app_id = ? AND pushkey = ?",
  );
  const listeners: ((userId: string) => void)[] = [];

  const tell = (transaction: Transaction, userId: string): void =>
    transaction.afterCommit(() => {
      for (const listener of listeners) listener(userId);
    });

  return {
    of: (userId) => ofUser.all(userId).map(toPusher),
    all: () => all.all().map(toPusher),
    set(transaction, pusher, append) {
      const { userId, appId, pushkey } = pusher;
      save.run(
        userId,
        appId,
        pushkey,
        pusher.deviceId,
        pusher.appDisplayName,
        pusher.deviceDisplayName,
        pusher.profileTag,
        pusher.lang,
        pusher.url,
        JSON.stringify(pusher.data),
        pusher.setAt,
        stream.current(),
      );
      if ((count.get(userId)?.pushers ?? 0) > maximumPushers) {
        throw new MatrixError(
          400,
          "M_LIMIT_EXCEEDED",
          `You have ${maximumPushers} pushers: remove one first, or sign an old device out.`,
        );
      }
      tell(transaction, userId);
      if (append) return;
      for (const { user } of removeOthers.all(appId, pushkey, userId)) tell(transaction, user);
    },
    remove(transaction, userId, appId, pushkey) {
      if (remove.run(userId, appId, pushkey).changes > 0) tell(transaction, userId);
    },
    removeDevice(transaction, userId, deviceId) {
      if (removeDevice.run(userId, deviceId).changes > 0) tell(transaction, userId);
    },
    saveMark: ({ userId, appId, pushkey }, { pushed, badge }) =>
      void saveMark.run(pushed, badge, userId, appId, pushkey),
    onChange: (listener) => void listeners.push(listener),
  };
}

const toPusher = (row: Row): Pusher & PusherMark => ({
  userId: row.user,
  appId: row.app_id,
  pushkey: row.pushkey,
  deviceId: row.device,
  appDisplayName: row.app_display_name,
  deviceDisplayName: row.device_display_name,
  profileTag: row.profile_tag,
  lang: row.lang,
  url: row.url,
  data: JSON.parse(row.data) as JsonObject,
  setAt: row.set_at,
  pushed: row.pushed,
  badge: row.badge,
});

import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { Log } from "../../../host/log.ts";
import type { Members } from "../../../members/members.ts";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject, RoomEvent } from "../events/event.ts";
import type { EventStore } from "../rooms/event-store.ts";
import type { Room } from "../rooms/room.ts";
import type { RoomStore } from "../rooms/room-store.ts";
import type { Stream } from "../store/stream.ts";
import { describeBadge, describeEvent } from "./describe-notification.ts";
import type { Gateway } from "./gateway.ts";
import { createMarkWriter } from "./mark-writer.ts";
import type { LoggedNotification, NotificationLog } from "./notification-log.ts";
import type { Pusher, PusherMark, Pushers } from "./pushers.ts";
import type { UnreadMarks } from "./unread-marks.ts";
import { nameOf } from "./unread-names.ts";

/**
 * Sends members' notifications to their push gateways. There is no queue but what is in the tables already: the
 * notifications behind a pusher's mark, less what has been read, redacted or left since. So a message costs nothing
 * more to send, and a start finds what a kill left behind. The mark is written after the gateway's 2xx and before
 * the pusher's next request: each is delivered at least once, and the one under way at a kill perhaps twice, which
 * gateways know by its event id.
 */
export interface Delivery {
  /** The event at `so`, in the write that stores it, notifies these members. */
  ring(transaction: Transaction, userIds: readonly string[], so: number): void;
  /** Notes for pushers with nothing to send that this is so, that the next start need not look far back. */
  tidy(): Promise<void>;
  /** Lets what is under way finish for a second. The rest is sent after the next start. */
  close(): Promise<void>;
}

export interface DeliveryTimes {
  /** How long to wait after so many failures in a row. */
  readonly backOffMs: (failures: number) => number;
  /** After something was read, until the new number is sent: people read on. */
  readonly badgeMs: number;
}

const hour = 60 * 60 * 1000;

/** From a second, doubled up to an hour, and spread: those that failed together do not come back together. */
export const usualTimes: DeliveryTimes = {
  backOffMs: (failures) => Math.min(1000 * 2 ** (failures - 1), hour) * (0.75 + Math.random() / 2),
  badgeMs: 2000,
};

/** A message of yesterday rings no more; it is still unread in the app. */
const oldestMs = 24 * hour;
/** Requests under way at once: in all (of the table's 32), and to one gateway or for one member. */
const mostAtOnce = 12;
const mostForOne = 4;
/** Refusals of one notification after which the next one is tried. */
const mostRefusals = 3;
/** Looks through the tables that find nothing to send, before others get their turn. */
const looksATurn = 20;
const stopMs = 1000;

/** One pusher and where it stands. */
interface Line {
  pusher: Pusher;
  readonly gateway: string;
  /** Everything up to here is done. May run ahead of what is on disk where there was nothing to send. */
  mark: number;
  /** The newest position that may concern it. */
  newest: number;
  /** The number sent last, and whether another one is wanted. */
  badge: number | null;
  badgeDue: boolean;
  failures: number;
  refusals: number;
  /** Until it is tried again. */
  retry: NodeJS.Timeout | undefined;
  /** Until a new number is sent. */
  reading: NodeJS.Timeout | undefined;
  busy: boolean;
  gone: boolean;
}

export function createDelivery(parts: {
  database: Database;
  stream: Stream;
  events: EventStore;
  rooms: RoomStore;
  members: Members;
  unread: UnreadMarks;
  notificationLog: NotificationLog;
  pushers: Pushers;
  gateway: Gateway;
  log: Log;
  now: () => number;
  times?: DeliveryTimes;
}): Delivery {
  const { database, stream, events, rooms, members, unread, notificationLog, pushers, gateway } = parts;
  const { log, now, times = usualTimes } = parts;
  const marks = createMarkWriter(database, pushers, log);
  /** By the localpart. */
  const lines = new Map<string, Line[]>();
  /** What members with pushers have unread; absent: to be counted. */
  const badges = new Map<string, number>();
  let waiting: Line[] = [];
  /** How many requests are under way to a gateway, by its host, and for a member, by the user id. */
  const busyFor = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const stop = new AbortController();
  let closed = false;

  function toLine(pusher: Pusher & PusherMark): Line {
    const { pushed: mark, badge } = pusher;
    return {
      pusher,
      gateway: new URL(pusher.url).host,
      mark,
      newest: mark,
      badge,
      badgeDue: false,
      failures: 0,
      refusals: 0,
      retry: undefined,
      reading: undefined,
      busy: false,
      gone: false,
    };
  }

  function reload(userId: string): void {
    const name = nameOf(userId);
    const known = lines.get(name) ?? [];
    const kept = pushers.of(userId).map((pusher) => {
      const line = known.find(
        ({ pusher: { appId, pushkey, url } }) =>
          appId === pusher.appId && pushkey === pusher.pushkey && url === pusher.url,
      );
      if (!line) return toLine(pusher);
      line.pusher = pusher;
      return line;
    });
    for (const line of known) if (!kept.includes(line)) end(line);
    if (kept.length > 0) lines.set(name, kept);
    else lines.delete(name);
    badges.delete(name);
    for (const line of kept) {
      // An app that sets its pusher again has found its gateway, perhaps under another address.
      clearTimeout(line.retry);
      line.retry = undefined;
      if (!known.includes(line) && known.length > 0) line.newest = stream.current();
      kick(line);
    }
  }

  function end(line: Line): void {
    line.gone = true;
    clearTimeout(line.retry);
    clearTimeout(line.reading);
  }

  function kick(line: Line): void {
    if (line.busy || line.retry || line.gone || closed) return;
    if (line.mark >= line.newest && !line.badgeDue) return;
    line.busy = true;
    waiting.push(line);
    startSome();
  }

  function startSome(): void {
    const left: Line[] = [];
    for (const line of waiting) {
      const ones = [line.gateway, line.pusher.userId];
      if (underWay.size >= mostAtOnce || ones.some((one) => (busyFor.get(one) ?? 0) >= mostForOne)) {
        left.push(line);
        continue;
      }
      for (const one of ones) busyFor.set(one, (busyFor.get(one) ?? 0) + 1);
      const work = attempt(line)
        .catch((error: unknown) => {
          log.error("matrix.push.failed", { error });
          retryLater(line, 0);
        })
        .finally(() => {
          underWay.delete(work);
          for (const one of ones) {
            const others = (busyFor.get(one) ?? 1) - 1;
            if (others > 0) busyFor.set(one, others);
            else busyFor.delete(one);
          }
          line.busy = false;
          kick(line);
          startSome();
        });
      underWay.add(work);
    }
    waiting = left;
  }

  /** One request for the pusher, if it has anything to be told. */
  async function attempt(line: Line): Promise<void> {
    const ring = await nextRing(line);
    if (line.gone || closed) return;
    const { pusher } = line;
    const badge = badgeOf(pusher.userId);
    let notification: JsonObject;
    if (ring) {
      notification = describeEvent(pusher, ring.event, ring.room, ring.notification.tweaks, badge);
    } else {
      const wanted = line.badgeDue && badge !== line.badge;
      line.badgeDue = false;
      if (!wanted) return;
      notification = describeBadge(pusher, badge);
    }
    const answer = await gateway(pusher.url, notification, stop.signal);
    if (answer.kind === "taken") {
      line.failures = 0;
      await taken(line, ring?.event.so ?? line.mark, badge);
      if (answer.rejected.includes(pusher.pushkey)) await drop(pusher);
      return;
    }
    if (stop.signal.aborted) return;
    if (!ring) line.badgeDue = true;
    if (answer.kind === "refused") {
      line.refusals += 1;
      if (line.refusals >= mostRefusals) {
        log.warn("matrix.push.refused", { host: line.gateway, event: ring?.event.eventId });
        await taken(line, ring?.event.so ?? line.mark, badge);
        return;
      }
    }
    retryLater(line, answer.kind === "unavailable" ? answer.retryAfterMs : 0);
  }

  async function taken(line: Line, pushed: number, badge: number): Promise<void> {
    line.mark = Math.max(line.mark, pushed);
    line.badge = badge;
    line.badgeDue = false;
    line.refusals = 0;
    await marks.save(line.pusher, { pushed: line.mark, badge });
  }

  function retryLater(line: Line, atLeastMs: number): void {
    line.failures += 1;
    if (line.gone || closed) return;
    const waitMs = Math.max(times.backOffMs(line.failures), Math.min(atLeastMs, hour));
    line.retry = setTimeout(() => {
      line.retry = undefined;
      kick(line);
    }, waitMs).unref();
  }

  /** Push Gateway API: an app was removed from its phone, or its key was never good. */
  async function drop({ userId, appId, pushkey }: Pusher): Promise<void> {
    log.info("matrix.push.rejected", { user: userId, app: appId });
    await database.write((transaction) => pushers.remove(transaction, userId, appId, pushkey));
  }

  interface Ring {
    readonly notification: LoggedNotification;
    readonly event: RoomEvent;
    readonly room: Room;
  }

  async function nextRing(line: Line): Promise<Ring | undefined> {
    for (let looked = 1; line.mark < line.newest; looked += 1) {
      const { found, upTo } = notificationLog.next(line.pusher.userId, line.mark);
      const ring = found && ringOf(line.pusher, found);
      if (ring) return ring;
      line.mark = found?.so ?? upTo ?? line.newest;
      if (looked % looksATurn === 0) await nextTurn();
      if (line.gone || closed) return undefined;
    }
    return undefined;
  }

  /** Undefined for what rings no more. */
  function ringOf({ userId }: Pusher, notification: LoggedNotification): Ring | undefined {
    if (notification.read || members.find(nameOf(userId))?.state !== "active") return undefined;
    const room = rooms.byNid(notification.room);
    const event = room && events.newest(room, notification.so - 1, notification.so, 1)[0];
    if (!event || event.redactedBy !== null || event.pdu.origin_server_ts < now() - oldestMs)
      return undefined;
    return { notification, event, room };
  }

  /** Push Gateway API: the unread messages of all rooms. */
  function badgeOf(userId: string): number {
    const name = nameOf(userId);
    let badge = badges.get(name);
    if (badge === undefined) {
      badge = 0;
      for (const { total } of unread.byRoom(userId).values()) badge += total.notification_count;
      badges.set(name, badge);
    }
    return badge;
  }

  function readSome(names: readonly string[]): void {
    for (const name of names) {
      badges.delete(name);
      for (const line of lines.get(name) ?? []) {
        line.reading ??= setTimeout(() => {
          line.reading = undefined;
          line.badgeDue = true;
          kick(line);
        }, times.badgeMs).unref();
      }
    }
  }

  unread.onLess(readSome);
  pushers.onChange(reload);
  for (const pusher of pushers.all()) {
    const line = toLine(pusher);
    const name = nameOf(pusher.userId);
    line.newest = stream.current();
    // What was read just before the stop has perhaps not been told.
    line.badgeDue = line.badge !== null;
    lines.set(name, [...(lines.get(name) ?? []), line]);
  }
  // After the start: others have to be ready first.
  const begin = setImmediate(() => {
    for (const line of [...lines.values()].flat()) kick(line);
  });

  return {
    ring(transaction, userIds, so) {
      if (lines.size === 0) return;
      const names = userIds.map(nameOf).filter((name) => lines.has(name));
      if (names.length === 0) return;
      transaction.afterCommit(() => {
        for (const name of names) {
          const known = badges.get(name);
          if (known !== undefined) badges.set(name, known + 1);
          for (const line of lines.get(name) ?? []) {
            // With nothing to send it need not look for this one behind all that did not concern it.
            if (line.mark >= line.newest) line.mark = Math.max(line.mark, so - 1);
            line.newest = Math.max(line.newest, so);
            kick(line);
          }
        }
      });
    },
    async tidy() {
      const pushed = stream.current();
      const idle = [...lines.values()].flat().filter((line) => line.mark >= line.newest && !line.busy);
      await Promise.all(idle.map((line) => marks.save(line.pusher, { pushed, badge: line.badge })));
    },
    async close() {
      closed = true;
      clearImmediate(begin);
      for (const line of [...lines.values()].flat()) end(line);
      waiting = [];
      const late = new AbortController();
      await Promise.race([
        Promise.allSettled(underWay),
        pause(stopMs, undefined, { ref: false, signal: late.signal }).catch(() => undefined),
      ]);
      late.abort();
      stop.abort();
      await Promise.allSettled(underWay);
      await marks.flush();
    },
  };
}

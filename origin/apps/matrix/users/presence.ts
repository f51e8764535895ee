import type { Database } from "../../../storage/database.ts";
import type { Log } from "../../../host/log.ts";
import type { JsonObject } from "../events/event.ts";
import type { EphemeralSerial } from "../sync/ephemeral-serial.ts";
import type { Waiters } from "../sync/waiters.ts";
import { createPresenceStore, type StoredPresence } from "./presence-store.ts";

export type PresenceState = "online" | "unavailable" | "offline";

/** What others are shown of a user (specification §Presence). */
export interface PresenceStatus {
  readonly state: PresenceState;
  readonly statusMessage: string | undefined;
  /** ms */
  readonly lastActiveAgo: number;
  readonly currentlyActive: boolean;
}

/**
 * Who is there, in memory: a request that goes on as before costs a few assignments, and a timer a user is all that
 * runs. What a user said of themselves is written at once; when they were last active, now and then.
 */
export interface Presence {
  /** What the user says on one device. `statusMessage`: null takes it away, undefined leaves it. Settles once kept. */
  set(
    userId: string,
    deviceId: string,
    state: PresenceState,
    statusMessage: string | null | undefined,
  ): Promise<void>;
  /** A /sync begins, with its `set_presence`; what comes back is to be called when it ends. */
  enter(userId: string, deviceId: string, state: PresenceState): () => void;
  /** The user does something that only a person does: writes, types, reads. */
  active(userId: string, deviceId: string): void;
  /** The device has signed out. */
  forgetDevice(userId: string, deviceId: string): void;
  /** Inside a write: the account is gone. */
  forget(userId: string): void;
  /** Undefined: never seen. */
  statusOf(userId: string): PresenceStatus | undefined;
  /** The users whose presence changed after the ephemeral serial. */
  changedSince(serial: number): string[];
  /** Everybody of whom there is something to show. */
  known(): Iterable<string>;
  /** Writes what is left to write. */
  close(): Promise<void>;
}

/** All in ms. */
const offlineAfter = 30_000;
const idleAfter = 5 * 60_000;
/** As long as this after an action, a user is `currently_active`. */
const activeFor = 60_000;
/** Changes that come together (everybody, when the server starts) wake each client once. */
const wakeAfter = 100;
const writeAfter = 10 * 60_000;

interface DevicePresence {
  asked: "online" | "unavailable";
  /** Requests under way. */
  syncing: number;
  lastSeen: number;
  lastActive: number;
}

interface UserPresence {
  state: PresenceState;
  statusMessage: string | undefined;
  lastActive: number;
  currentlyActive: boolean;
  serial: number;
  readonly devices: Map<string, DevicePresence>;
  timer: NodeJS.Timeout | undefined;
  timerAt: number;
}

/** Stands for the devices of before the start, until they show themselves. */
const formerDevices = "";

export function createPresence(parts: {
  database: Database;
  waiters: Waiters;
  serial: EphemeralSerial;
  /** Everyone who shares a room with the user. */
  sharers: (userId: string) => ReadonlySet<string>;
  log: Log;
  now: () => number;
}): Presence {
  const { database, waiters, serial, sharers, log, now } = parts;
  const store = createPresenceStore(database);
  const users = new Map<string, UserPresence>();
  const unwritten = new Set<string>();
  const toWake = new Set<string>();
  let wakeTimer: NodeJS.Timeout | undefined;
  let writeTimer: NodeJS.Timeout | undefined;

  function entryOf(userId: string): UserPresence {
    let entry = users.get(userId);
    if (!entry) users.set(userId, (entry = emptyPresence(serial.last())));
    return entry;
  }

  function deviceOf(entry: UserPresence, deviceId: string, asked: DevicePresence["asked"]): DevicePresence {
    const at = now();
    entry.devices.delete(formerDevices);
    const known = entry.devices.get(deviceId);
    if (!known) {
      const device: DevicePresence = { asked, syncing: 0, lastSeen: at, lastActive: at };
      entry.devices.set(deviceId, device);
      if (asked === "online") entry.lastActive = at;
      return device;
    }
    known.lastSeen = at;
    // The client says that its user is back; saying the same again is no sign of life.
    if (asked === "online" && known.asked !== "online") known.lastActive = entry.lastActive = at;
    known.asked = asked;
    return known;
  }

  /** Brings what is shown up to what holds now, and sees to it that it will be done again when that may change. */
  function settle(userId: string, entry: UserPresence, said = false): void {
    const at = now();
    let state: PresenceState = "offline";
    let next = Number.POSITIVE_INFINITY;
    for (const [id, device] of entry.devices) {
      const gone = device.lastSeen + offlineAfter;
      if (device.syncing === 0 && gone <= at) {
        entry.devices.delete(id);
        continue;
      }
      if (device.syncing === 0) next = Math.min(next, gone);
      const idle = device.lastActive + idleAfter;
      if (device.asked === "online" && idle > at) {
        state = "online";
        next = Math.min(next, idle);
      } else if (state === "offline") state = "unavailable";
    }
    const quiet = entry.lastActive + activeFor;
    const currentlyActive = state === "online" && quiet > at;
    if (currentlyActive) next = Math.min(next, quiet);
    const changed = said || state !== entry.state;
    if (changed || currentlyActive !== entry.currentlyActive) entry.serial = serial.next();
    // Whether somebody is active just now is told with the next answer: nobody is woken for it.
    if (changed) wakeSoon(userId);
    if (state !== entry.state) writeSoon(userId);
    entry.state = state;
    entry.currentlyActive = currentlyActive;
    schedule(userId, entry, next);
  }

  /** A timer that fires too early looks again: it need not be set anew at each request. */
  function schedule(userId: string, entry: UserPresence, at: number): void {
    if (entry.timer && entry.timerAt <= at) return;
    clearTimeout(entry.timer);
    entry.timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    entry.timerAt = at;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      settle(userId, entry);
    }, at - now());
    entry.timer.unref();
  }

  function wakeSoon(userId: string): void {
    toWake.add(userId);
    wakeTimer ??= setTimeout(() => {
      wakeTimer = undefined;
      const concerned = new Set(toWake);
      for (const changed of toWake) for (const sharer of sharers(changed)) concerned.add(sharer);
      toWake.clear();
      // Presence has no place in the stream: nothing there is to be looked for.
      waiters.notify(concerned, 0);
    }, wakeAfter).unref();
  }

  function writeSoon(userId: string): void {
    unwritten.add(userId);
    writeTimer ??= setTimeout(() => void write(), writeAfter).unref();
  }

  async function write(): Promise<void> {
    clearTimeout(writeTimer);
    writeTimer = undefined;
    const rows = [...unwritten].flatMap((userId) => {
      const entry = users.get(userId);
      return entry ? [{ userId, ...stored(entry) }] : [];
    });
    unwritten.clear();
    if (rows.length === 0) return;
    try {
      await database.write(() => {
        for (const row of rows) store.save(row);
      });
    } catch (error) {
      log.warn("matrix.presence.write-failed", { error });
      for (const { userId } of rows) writeSoon(userId);
    }
  }

  function load(): void {
    const at = now();
    for (const { userId, state, statusMessage, lastActive } of store.all()) {
      const entry = emptyPresence(serial.last());
      Object.assign(entry, { state, statusMessage, lastActive });
      // Most are back within a moment, and nobody need hear that they were away.
      if (state !== "offline") {
        const device: DevicePresence = { asked: state, syncing: 0, lastSeen: at, lastActive };
        entry.devices.set(formerDevices, device);
        schedule(userId, entry, at + offlineAfter);
      }
      users.set(userId, entry);
    }
  }

  load();
  return {
    async set(userId, deviceId, state, statusMessage) {
      const entry = entryOf(userId);
      const message = statusMessage === undefined ? entry.statusMessage : (statusMessage ?? undefined);
      const said = message !== entry.statusMessage;
      if (said) {
        await database.write(() => store.save({ userId, ...stored(entry), statusMessage: message }));
        entry.statusMessage = message;
      }
      entry.lastActive = now();
      if (state === "offline") entry.devices.delete(deviceId);
      else {
        const device = deviceOf(entry, deviceId, state);
        device.lastActive = now();
      }
      settle(userId, entry, said);
    },
    enter(userId, deviceId, state) {
      if (state === "offline") return () => {};
      const entry = entryOf(userId);
      const device = deviceOf(entry, deviceId, state);
      device.syncing += 1;
      settle(userId, entry);
      return () => {
        device.syncing -= 1;
        device.lastSeen = now();
        if (device.syncing === 0) schedule(userId, entry, device.lastSeen + offlineAfter);
      };
    },
    active(userId, deviceId) {
      const entry = users.get(userId);
      const device = entry?.devices.get(deviceId);
      if (!entry || !device) return;
      device.lastActive = entry.lastActive = now();
      device.asked = "online";
      if (entry.state !== "online" || !entry.currentlyActive) settle(userId, entry);
    },
    forgetDevice(userId, deviceId) {
      const entry = users.get(userId);
      if (entry?.devices.delete(deviceId)) settle(userId, entry);
    },
    forget(userId) {
      store.remove(userId);
      clearTimeout(users.get(userId)?.timer);
      users.delete(userId);
    },
    statusOf(userId) {
      const entry = users.get(userId);
      if (!entry) return undefined;
      const { state, statusMessage, lastActive, currentlyActive } = entry;
      // The clock may have been set back since.
      return { state, statusMessage, currentlyActive, lastActiveAgo: Math.max(0, now() - lastActive) };
    },
    changedSince(after) {
      if (after >= serial.last()) return [];
      return [...users].filter(([, entry]) => entry.serial > after).map(([userId]) => userId);
    },
    known: () => users.keys(),
    async close() {
      clearTimeout(wakeTimer);
      for (const entry of users.values()) clearTimeout(entry.timer);
      await write();
    },
  };
}

/** `matrix.presence = "off"`: nobody is seen, nothing runs and nothing is kept. */
export const hiddenPresence: Presence = {
  set: () => Promise.resolve(),
  enter: () => () => {},
  active() {},
  forgetDevice() {},
  forget() {},
  statusOf: () => undefined,
  changedSince: () => [],
  known: () => [],
  close: () => Promise.resolve(),
};

/** The content of `m.presence`, and the answer of GET /presence. */
export const presenceContent = (status: PresenceStatus): JsonObject => ({
  presence: status.state,
  last_active_ago: status.lastActiveAgo,
  currently_active: status.currentlyActive,
  ...(status.statusMessage !== undefined && { status_msg: status.statusMessage }),
});

const emptyPresence = (serial: number): UserPresence => ({
  state: "offline",
  statusMessage: undefined,
  lastActive: 0,
  currentlyActive: false,
  serial,
  devices: new Map(),
  timer: undefined,
  timerAt: 0,
});

const stored = ({ state, statusMessage, lastActive }: UserPresence): Omit<StoredPresence, "userId"> => ({
  state,
  statusMessage,
  lastActive,
});

import type { EphemeralSerial } from "./ephemeral-serial.ts";
import type { Waiters } from "./waiters.ts";

/** Who is typing, in memory only: a change moves the ephemeral serial, not the stream. */
export interface Typing {
  /** Starts or ends; it ends by itself after `timeoutMs` (at most 30 s). */
  set(room: number, userId: string, typing: boolean, timeoutMs?: number): void;
  /** Who types in the room now. Empty when everyone has stopped, which a client must be told too. */
  typing(room: number): string[];
  /** The number of the last change of anything ephemeral. */
  serial(): number;
  /** The rooms (nids) in which it changed after the serial. */
  changedSince(serial: number): number[];
}

const longest = 30_000;

interface RoomTyping {
  serial: number;
  readonly timers: Map<string, NodeJS.Timeout>;
}

export function createTyping(parts: {
  waiters: Waiters;
  /** The last stream position: typing itself does not move it. */
  position: () => number;
  /** Who is joined to the room. */
  joinedTo: (room: number) => ReadonlySet<string>;
  serial: EphemeralSerial;
}): Typing {
  const { waiters, position, joinedTo, serial: ephemeral } = parts;
  const rooms = new Map<number, RoomTyping>();

  function changed(room: number, entry: RoomTyping): void {
    entry.serial = ephemeral.next();
    waiters.notify(joinedTo(room), position());
  }

  function stop(room: number, userId: string): void {
    const entry = rooms.get(room);
    const timer = entry?.timers.get(userId);
    if (!entry || !timer) return;
    clearTimeout(timer);
    entry.timers.delete(userId);
    changed(room, entry);
  }

  return {
    set(room, userId, typing, timeoutMs = longest) {
      if (!typing || timeoutMs <= 0) return stop(room, userId);
      let entry = rooms.get(room);
      if (!entry) rooms.set(room, (entry = { serial: 0, timers: new Map() }));
      const running = entry.timers.get(userId);
      clearTimeout(running);
      const timer = setTimeout(() => stop(room, userId), Math.min(timeoutMs, longest));
      timer.unref();
      entry.timers.set(userId, timer);
      if (!running) changed(room, entry);
    },
    typing(room) {
      const entry = rooms.get(room);
      if (!entry || entry.timers.size === 0) return [];
      const joined = joinedTo(room);
      return [...entry.timers.keys()].filter((userId) => joined.has(userId));
    },
    serial: () => ephemeral.last(),
    changedSince(serial) {
      if (serial >= ephemeral.last()) return [];
      return [...rooms].filter(([, entry]) => entry.serial > serial).map(([room]) => room);
    },
  };
}

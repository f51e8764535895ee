import { randomBytes } from "node:crypto";
import type { Log } from "../../../host/log.ts";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Stream } from "../store/stream.ts";
import { type Pos, unknownPos } from "./pos.ts";
import { type SentState, sentOfText, sentToText } from "./sent-state.ts";

/** Whose connection it is: a user may use one name on each device. */
export interface ConnectionKey {
  readonly userId: string;
  readonly deviceId: string;
  readonly connId: string;
}

/** One sync loop of a device (MSC4186 §Connections). */
export interface Connection {
  readonly key: ConnectionKey;
  /** As text, for what is kept by connection elsewhere. */
  readonly name: string;
  readonly instance: string;
  readonly states: Map<number, SentState>;
  /** Numbers of states that are on disk still and not needed. */
  readonly outdated: number[];
  /** The numbers last given out. */
  lastState: number;
  lastAnswer: number;
  /** Counts the answers that its client gave up: what it has of them is not known. */
  abandoned: number;
  savedAt: number;
  /** Ends the request that waits. */
  waiting: AbortController | undefined;
}

export interface Connections {
  /** Begins anew: what was known under this key is forgotten. */
  open(key: ConnectionKey): { connection: Connection; sent: SentState };
  /**
   * What the client has been sent when it presents the position; states of before it are forgotten. Throws 400
   * M_UNKNOWN_POS.
   */
  resume(key: ConnectionKey, pos: Pos): { connection: Connection; sent: SentState };
  /** Keeps what an answer will have sent, and gives it its number. */
  keep(connection: Connection, sent: Omit<SentState, "number" | "settled">): SentState;
  /** Inside a write: the device is gone. */
  removeDevice(transaction: Transaction, userId: string, deviceId: string): void;
  /** Forgets connections that have not been used for a month. */
  expire(): Promise<void>;
}

/** In memory at a time, as many as the listener has clients; others are read again when they are used. */
const mostInMemory = 512;
/** MSC4186 §Security considerations. Element X has four. */
const mostOfDevice = 12;
/** Answers to one position that the client may not have got, as it cancels requests. */
const mostUnproved = 3;
const day = 24 * 60 * 60 * 1000;
const longestUnused = 30 * day;

interface StateRow {
  state: number;
  instance: string;
  sent: string;
  used_at: number;
}

/**
 * Kept on disk, so that a restart costs nobody a new start of all rooms; and a write is rare, since a position alone
 * tells how far the news went. The write is not waited for: where a crash takes it, the client begins anew.
 */
export function createConnections(parts: {
  database: Database;
  stream: Stream;
  log: Log;
  now: () => number;
}): Connections {
  const { database, stream, log, now } = parts;
  const read = database.prepare<StateRow>(
    "SELECT state, instance, sent, used_at FROM sliding_sync_states WHERE user = ? AND device = ? AND conn_id = ?",
  );
  const save = database.prepare(
    `INSERT OR REPLACE INTO sliding_sync_states (user, device, conn_id, state, instance, sent, used_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const dropState = database.prepare(
    "DELETE FROM sliding_sync_states WHERE user = ? AND device = ? AND conn_id = ? AND state = ?",
  );
  const dropAll = database.prepare(
    "DELETE FROM sliding_sync_states WHERE user = ? AND device = ? AND conn_id = ?",
  );
  const names = database.prepare<{ conn_id: string }>(
    `SELECT conn_id FROM sliding_sync_states WHERE user = ? AND device = ?
     GROUP BY conn_id ORDER BY max(used_at) DESC, max(state) DESC`,
  );
  const dropDevice = database.prepare("DELETE FROM sliding_sync_states WHERE user = ? AND device = ?");
  const dropUnused = database.prepare("DELETE FROM sliding_sync_states WHERE used_at < ?");
  const memory = new Map<string, Connection>();

  function remember(connection: Connection): void {
    // Re-inserted: the first key of the map is the connection that was used longest ago.
    memory.delete(connection.name);
    memory.set(connection.name, connection);
    if (memory.size > mostInMemory) memory.delete(memory.keys().next().value!);
  }

  function writeSoon(work: () => void): void {
    database.write(work).catch((error: unknown) => log.warn("matrix.sliding-sync.save-failed", { error }));
  }

  function write(connection: Connection, sent: SentState): void {
    const { instance, savedAt } = connection;
    const { userId, deviceId, connId } = connection.key;
    for (const number of connection.outdated.splice(0)) dropState.run(userId, deviceId, connId, number);
    // By the time of the write it may be outdated itself.
    if (!connection.states.has(sent.number)) return;
    save.run(userId, deviceId, connId, sent.number, instance, sentToText(sent), savedAt);
  }

  function load(key: ConnectionKey): Connection | undefined {
    const rows = read.all(key.userId, key.deviceId, key.connId);
    const newest = rows.at(-1);
    if (!newest) return undefined;
    return {
      key,
      name: nameOf(key),
      instance: newest.instance,
      states: new Map(rows.map((row) => [row.state, sentOfText(row.state, row.sent)])),
      outdated: [],
      lastState: newest.state,
      lastAnswer: 0,
      abandoned: 0,
      savedAt: newest.used_at,
      waiting: undefined,
    };
  }

  /** Their rows go with the next write: it is not worth one of its own. */
  function forgetStates(connection: Connection, numbers: readonly number[]): void {
    for (const number of numbers) connection.states.delete(number);
    connection.outdated.push(...numbers);
  }

  return {
    open(key) {
      const { userId, deviceId, connId } = key;
      const sent: SentState = { number: 1, rooms: new Map(), extensions: {}, settled: undefined };
      const name = nameOf(key);
      memory.get(name)?.waiting?.abort();
      const connection: Connection = {
        key,
        name,
        instance: randomBytes(8).toString("hex"),
        states: new Map([[1, sent]]),
        outdated: [],
        lastState: 1,
        lastAnswer: 0,
        abandoned: 0,
        savedAt: now(),
        waiting: undefined,
      };
      remember(connection);
      writeSoon(() => {
        dropAll.run(userId, deviceId, connId);
        write(connection, sent);
        for (const { conn_id: old } of names.all(userId, deviceId).slice(mostOfDevice)) {
          dropAll.run(userId, deviceId, old);
          memory.delete(nameOf({ userId, deviceId, connId: old }));
        }
      });
      return { connection, sent };
    },
    resume(key, pos) {
      const connection = memory.get(nameOf(key)) ?? load(key);
      const sent = connection?.states.get(pos.state);
      if (!connection || !sent || connection.instance !== pos.instance) throw unknownPos();
      // Given out before the database was restored from a backup.
      if (pos.so > stream.current() || stream.isLost(pos.so)) throw unknownPos();
      remember(connection);
      if (connection.lastAnswer !== pos.answer) connection.abandoned += 1;
      connection.lastAnswer = Math.max(connection.lastAnswer, pos.answer);
      forgetStates(
        connection,
        [...connection.states.keys()].filter((number) => number < pos.state),
      );
      if (now() - connection.savedAt > day) {
        connection.savedAt = now();
        writeSoon(() => write(connection, sent));
      }
      return { connection, sent };
    },
    keep(connection, content) {
      const sent: SentState = { ...content, number: ++connection.lastState, settled: undefined };
      connection.states.set(sent.number, sent);
      connection.savedAt = now();
      // The oldest is what the client has presented; of the answers to it only the newest can have been read.
      const unproved = [...connection.states.keys()].slice(1);
      forgetStates(connection, unproved.slice(0, -mostUnproved));
      writeSoon(() => {
        // One begun anew meanwhile has the same key. One that is not in memory any more needs its row all the more.
        const present = memory.get(connection.name) ?? connection;
        if (present.instance === connection.instance) write(connection, sent);
      });
      return sent;
    },
    removeDevice(transaction, userId, deviceId) {
      dropDevice.run(userId, deviceId);
      transaction.afterCommit(() => {
        for (const [name, { key }] of memory) {
          if (key.userId === userId && key.deviceId === deviceId) memory.delete(name);
        }
      });
    },
    expire: () => database.write(() => void dropUnused.run(now() - longestUnused)),
  };
}

const nameOf = ({ userId, deviceId, connId }: ConnectionKey): string => `${userId}\0${deviceId}\0${connId}`;

import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { requiredLevel, userLevel } from "../events/power-levels.ts";
import { forbidden, invalidParam } from "../matrix-error.ts";
import { describeRoom } from "./describe-room.ts";
import type { Room } from "./room.ts";
import type { RoomStore } from "./room-store.ts";

/** The published rooms (specification §Published room directory), where the owner's setting opens one. */
export interface RoomDirectory {
  has(room: Room): boolean;
  set(transaction: Transaction, room: Room, published: boolean): void;
  /** Largest first. Throws 400 M_INVALID_PARAM for a `since` that was never given out. */
  list(question: DirectoryQuestion): DirectoryPage;
}

export interface DirectoryQuestion {
  /** At least 1. */
  readonly limit: number;
  readonly since: string | undefined;
  /** In any case, within the name, the topic or the main alias. */
  readonly term: string | undefined;
  /** Of which one must be the room's; null is a room of no type. */
  readonly types: readonly (string | null)[] | undefined;
}

export interface DirectoryPage {
  readonly chunk: readonly JsonObject[];
  readonly total_room_count_estimate: number;
  readonly next_batch?: string;
  readonly prev_batch?: string;
}

export function createRoomDirectory({
  database,
  rooms,
}: {
  database: Database;
  rooms: RoomStore;
}): RoomDirectory {
  const find = database.prepare("SELECT 1 FROM published_rooms WHERE room = ?");
  const all = database.prepare<{ room: number }>("SELECT room FROM published_rooms");
  const add = database.prepare("INSERT INTO published_rooms (room) VALUES (?) ON CONFLICT DO NOTHING");
  const remove = database.prepare("DELETE FROM published_rooms WHERE room = ?");

  return {
    has: (room) => find.get(room.nid) !== undefined,
    set: (_transaction, room, published) => void (published ? add : remove).run(room.nid),
    list({ limit, since, term, types }) {
      const cursor = since === undefined ? undefined : readCursor(since);
      const found = all
        .all()
        .map(({ room }) => rooms.byNid(room))
        // A room that everybody has left cannot be entered any more.
        .filter((room) => room !== undefined && room.joined.size > 0)
        .map((room) => ({ place: placeOf(room!), entry: describeRoom(room!) }))
        .filter(({ entry }) => matches(entry, term?.toLowerCase(), types))
        .toSorted((a, b) => compare(a.place, b.place));
      const from = cursor ? found.findIndex(({ place }) => compare(place, cursor.place) > 0) : 0;
      const after = from < 0 ? found.length : from;
      // Backwards ends before the room at which the later page began.
      const end = cursor?.back
        ? found.findIndex(({ place }) => compare(place, cursor.place) >= 0)
        : after + limit;
      const last = end < 0 ? found.length : Math.min(end, found.length);
      const first = cursor?.back ? Math.max(0, last - limit) : after;
      const page = found.slice(first, last);
      return {
        chunk: page.map(({ entry }) => entry),
        total_room_count_estimate: found.length,
        ...(page.length > 0 && last < found.length && { next_batch: writeCursor(page.at(-1)!.place, false) }),
        ...(page.length > 0 && first > 0 && { prev_batch: writeCursor(page[0]!.place, true) }),
      };
    },
  };
}

/** Throws 403 unless the user is in the room and may name it: who is listed there is asked by everyone. */
export function requirePublisher(room: Room, userId: string): void {
  if (
    room.joined.has(userId) &&
    userLevel(room, userId) >= requiredLevel(room, "m.room.canonical_alias", true)
  )
    return;
  throw forbidden("Only a member who may set the room's main address can change whether it is listed.");
}

function matches(entry: JsonObject, term: string | undefined, types: DirectoryQuestion["types"]): boolean {
  if (types && !types.includes((entry["room_type"] as string | undefined) ?? null)) return false;
  if (term === undefined) return true;
  return ["name", "topic", "canonical_alias"].some((key) => textIn(entry, key).toLowerCase().includes(term));
}

function textIn(entry: JsonObject, key: string): string {
  const value = entry[key];
  return typeof value === "string" ? value : "";
}

/** Where a room stands in the list: a page begins after a place, whatever came or went before it. */
interface Place {
  readonly joined: number;
  readonly nid: number;
}

const placeOf = (room: Room): Place => ({ joined: room.joined.size, nid: room.nid });
const compare = (a: Place, b: Place): number => b.joined - a.joined || a.nid - b.nid;

const writeCursor = ({ joined, nid }: Place, back: boolean): string => `${back ? "b" : "f"}${joined}_${nid}`;

function readCursor(text: string): { place: Place; back: boolean } {
  const match = /^([bf])(\d{1,15})_(\d{1,15})$/.exec(text);
  if (!match) throw invalidParam("since is no token of this directory: ask without one.");
  return { place: { joined: Number(match[2]), nid: Number(match[3]) }, back: match[1] === "b" };
}

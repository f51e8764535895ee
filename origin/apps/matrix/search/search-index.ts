import type { Log } from "../../../host/log.ts";
import type { Database } from "../../../storage/database.ts";
import type { RoomEvent } from "../events/event.ts";
import type { EventStore } from "../rooms/event-store.ts";
import { latestEdits } from "../rooms/latest-edits.ts";
import type { RelationStore } from "../rooms/relation-store.ts";
import type { Room } from "../rooms/room.ts";
import { inRoom, type Query } from "./query.ts";
import { searchableText, searchKeyOf } from "./searchable-text.ts";
import { termsOf, wordsOf, wordsVersion } from "./words.ts";

/**
 * Which words the messages of each room hold: of an edited one those of its latest edit. It follows the events some
 * moments behind, many at a time, because a commit of its own for each would cost as much as the message; how far it
 * has come is on disk. Who searches catches up first. Redaction takes words out at once, in its own transaction.
 * Terms bear their room, so that a look into one room takes no time for what others hold, and tells nothing of it.
 */
export interface SearchIndex {
  /** The event is on disk: it will be indexed soon. */
  appended(event: RoomEvent): void;
  /** Takes out what the event brought in: call before it is stripped, in the same transaction. */
  strip(room: Room, event: RoomEvent): void;
  /** Indexes what is missing, for so many ms at most. */
  catchUp(patience: number): Promise<void>;
  /** Positions below `before` of events in the room whose words may answer the query, the newest first. */
  hits(room: number, query: Query, before: number, limit: number): number[];
  close(): void;
}

/** ms in which further events may join before they are indexed together. */
const gathering = 10_000;
/** So many need not wait. */
const enough = 500;
/** Events looked at in one write: some ms. */
const batch = 200;

const nobody: ReadonlySet<string> = new Set();

export function createSearchIndex(parts: {
  database: Database;
  events: EventStore;
  relations: RelationStore;
  log: Log;
}): SearchIndex {
  const { database, events, relations, log } = parts;
  const insert = database.prepare("INSERT INTO search_words (rowid, words) VALUES (?, ?)");
  // The table keeps no text: what is to be taken out must be said.
  const remove = database.prepare(
    "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?, ?)",
  );
  const match = database.prepare<{ so: number }>(
    `SELECT rowid AS so FROM search_words WHERE search_words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?`,
  );
  const mark = database.prepare<{ so: number; words: string }>(
    "SELECT so, words FROM search_mark WHERE id = 1",
  );
  const empty = database.prepare("INSERT INTO search_words (search_words) VALUES ('delete-all')");
  const begin = database.prepare("UPDATE search_mark SET so = 0, words = ? WHERE id = 1");
  const setMark = database.prepare("UPDATE search_mark SET so = ? WHERE id = 1");
  const next = database.prepare<NextRow>(
    `SELECT so, room, type, rel_type AS relType, relates_to AS relatesTo FROM events
     WHERE so > ? ORDER BY so LIMIT ?`,
  );
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  /** The text that is, or would be, in the index when edits up to a position are; `without` one of them. */
  function textOf(event: RoomEvent, upTo: number, without?: RoomEvent): string {
    const related = relations
      .editsAndReferences([event.eventId], upTo, nobody)
      .filter(({ so }) => so !== without?.so);
    const edit = latestEdits(new Map([[event.eventId, event]]), related).get(event.eventId);
    return searchableText(event, edit && events.byId(edit.eventId));
  }

  function wordsFor(room: number, text: string): string {
    return [...termsOf(wordsOf(text))].map((term) => inRoom(room, term)).join(" ");
  }

  function replace(room: number, so: number, before: string, after: string): void {
    const [was, is] = [wordsFor(room, before), wordsFor(room, after)];
    if (was === is) return;
    if (was !== "") remove.run(so, was);
    if (is !== "") insert.run(so, is);
  }

  /** An edit changes the words of what it edits, and has none of its own. */
  function index({ so, room, relType, relatesTo }: NextRow, event: RoomEvent | undefined): void {
    if (relType === "m.replace" && relatesTo !== null) {
      const target = events.byId(relatesTo);
      if (target?.redactedBy === null) {
        replace(room, target.so, textOf(target, so - 1), textOf(target, so));
      }
      return;
    }
    if (event?.redactedBy === null) replace(room, so, "", searchableText(event));
  }

  /** Gives whether anything may be left. */
  function indexBatch(): Promise<boolean> {
    return database.write(() => {
      // Words that are taken apart otherwise could not be taken out.
      if (mark.get()?.words !== wordsVersion) {
        empty.run();
        begin.run(wordsVersion);
      }
      const rows = next.all(mark.get()?.so ?? 0, batch);
      const searchable = rows.filter((row) => searchKeyOf(row.type));
      const loaded = events.at(searchable.map((row) => row.so));
      const bySo = new Map(loaded.map((event) => [event.so, event]));
      for (const row of searchable) index(row, bySo.get(row.so));
      const last = rows.at(-1);
      if (last) setMark.run(last.so);
      return rows.length === batch;
    });
  }

  async function follow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    waiting = 0;
    while (await indexBatch()) if (closed) return;
  }

  /** Never rejects: what could not be indexed now will be with the next event, or search. */
  function run(): Promise<void> {
    return (running ??= follow()
      .catch((error: unknown) => log.warn("matrix.search.index.failed", { error }))
      .finally(() => (running = undefined)));
  }

  return {
    appended(event) {
      if (closed || !searchKeyOf(event.pdu.type)) return;
      waiting += 1;
      if (waiting >= enough) void run();
      else timer ??= setTimeout(() => void run(), gathering).unref();
    },
    strip(room, event) {
      const { so: upTo = 0, words } = mark.get() ?? {};
      // All of it is about to be made anew.
      if (words !== wordsVersion) return;
      if (event.so > upTo || !searchKeyOf(event.pdu.type)) return;
      const [row] = next.all(event.so - 1, 1);
      if (row?.relType !== "m.replace" || row.relatesTo === null) {
        replace(room.nid, event.so, textOf(event, upTo), "");
        return;
      }
      const target = events.byId(row.relatesTo);
      if (target?.redactedBy !== null) return;
      replace(room.nid, target.so, textOf(target, upTo), textOf(target, upTo, event));
    },
    async catchUp(patience) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const limit = setTimeout(resolve, patience);
      // What was appended while one run was at its end is the next one's.
      await Promise.race([run().then(run), late]).finally(() => clearTimeout(limit));
    },
    hits(room, query, before, limit) {
      const expression = query.expression(room);
      return expression === undefined ? [] : match.all(expression, before, limit).map((row) => row.so);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

interface NextRow {
  so: number;
  room: number;
  type: string;
  relType: string | null;
  relatesTo: string | null;
}

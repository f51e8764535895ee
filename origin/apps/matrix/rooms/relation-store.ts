import type { Database } from "../../../storage/database.ts";
import type { Room } from "./room.ts";

/** Which events relate to which: what bundled aggregations and /relations are made of. Redacted ones are left out. */
export interface RelationStore {
  /** Edits and references of the targets up to a position, oldest first. */
  editsAndReferences(targetIds: readonly string[], upTo: number, without: ReadonlySet<string>): Relating[];
  /** One row for each target that is the root of a thread. */
  threads(
    targetIds: readonly string[],
    upTo: number,
    without: ReadonlySet<string>,
    reader: string,
  ): ThreadSummary[];
  /** Those of the events to which an event of one of these kinds, from one of these senders, relates. */
  parentsAmong(
    eventIds: readonly string[],
    relTypes: readonly string[] | undefined,
    senders: readonly string[] | undefined,
  ): Set<string>;
  /** Children of an event within (after, upTo], by id, in the direction's order. */
  children(room: Room, request: ChildrenRequest): { so: number; eventId: string }[];
}

export interface Relating {
  readonly target: string;
  readonly relType: "m.replace" | "m.reference";
  readonly so: number;
  readonly eventId: string;
  readonly type: string;
  readonly sender: string;
  readonly originTs: number;
  readonly isState: 0 | 1;
}

export interface ThreadSummary {
  readonly target: string;
  readonly count: number;
  readonly latestId: string;
  /** Whether the reader sent one of the replies. */
  readonly participated: 0 | 1;
}

export interface ChildrenRequest {
  readonly parentId: string;
  /** How many relations away from the parent a child may be. */
  readonly depth: number;
  readonly relType: string | undefined;
  readonly type: string | undefined;
  readonly after: number;
  readonly upTo: number;
  readonly direction: "b" | "f";
  readonly limit: number;
}

export function createRelationStore(database: Database): RelationStore {
  // CROSS JOIN keeps SQLite to the order written: from the few targets into the index.
  const editsAndReferences = database.prepare<Relating>(
    `SELECT e.relates_to AS target, e.rel_type AS relType, e.so, e.event_id AS eventId, e.type, e.sender,
       e.origin_ts AS originTs, e.state_key IS NOT NULL AS isState
     FROM json_each(?) wanted CROSS JOIN events e
     WHERE e.relates_to = wanted.value AND e.rel_type IN ('m.replace', 'm.reference') AND e.so <= ?
       AND e.sender NOT IN (SELECT value FROM json_each(?))
     ORDER BY e.so`,
  );
  const threads = database.prepare<ThreadSummary>(
    `SELECT target, count, participated, last.event_id AS latestId FROM (
       SELECT e.relates_to AS target, COUNT(*) AS count, MAX(e.so) AS latest, MAX(e.sender = ?) AS participated
       FROM json_each(?) wanted CROSS JOIN events e
       WHERE e.relates_to = wanted.value AND e.rel_type = 'm.thread' AND e.so <= ?
         AND e.sender NOT IN (SELECT value FROM json_each(?))
       GROUP BY e.relates_to
     ) CROSS JOIN events last ON last.so = latest`,
  );
  const parents = database.prepare<{ id: string }>(
    `SELECT DISTINCT e.relates_to AS id FROM json_each(?1) wanted CROSS JOIN events e
     WHERE e.relates_to = wanted.value AND (?2 IS NULL OR e.rel_type IN (SELECT value FROM json_each(?2)))
       AND (?3 IS NULL OR e.sender IN (SELECT value FROM json_each(?3)))`,
  );
  const childrenIn = (order: "ASC" | "DESC") =>
    database.prepare<{ so: number; eventId: string }>(
      `WITH RECURSIVE related (so, event_id, depth) AS (
         SELECT so, event_id, 1 FROM events WHERE relates_to = ?1 AND room = ?2
         UNION
         SELECT e.so, e.event_id, r.depth + 1 FROM related r CROSS JOIN events e
         WHERE r.depth < ?3 AND e.relates_to = r.event_id AND e.room = ?2
       )
       SELECT DISTINCT e.so, e.event_id AS eventId FROM related r CROSS JOIN events e ON e.so = r.so
       WHERE e.so > ?4 AND e.so <= ?5 AND (?6 IS NULL OR e.rel_type = ?6) AND (?7 IS NULL OR e.type = ?7)
       ORDER BY e.so ${order} LIMIT ?8`,
    );
  const ascending = childrenIn("ASC");
  const descending = childrenIn("DESC");
  // The replies of a thread, as clients page through them: a page is one stretch of the index.
  const ofKindIn = (order: "ASC" | "DESC") =>
    database.prepare<{ so: number; eventId: string }>(
      `SELECT so, event_id AS eventId FROM events INDEXED BY events_by_relation
       WHERE relates_to = ?1 AND rel_type = ?2 AND so > ?3 AND so <= ?4 AND room = ?5 AND (?6 IS NULL OR type = ?6)
       ORDER BY so ${order} LIMIT ?7`,
    );
  const ofKindAscending = ofKindIn("ASC");
  const ofKindDescending = ofKindIn("DESC");

  return {
    editsAndReferences: (targetIds, upTo, without) =>
      editsAndReferences.all(JSON.stringify(targetIds), upTo, JSON.stringify([...without])),
    threads: (targetIds, upTo, without, reader) =>
      threads.all(reader, JSON.stringify(targetIds), upTo, JSON.stringify([...without])),
    parentsAmong(eventIds, relTypes, senders) {
      const rows = parents.all(
        JSON.stringify(eventIds),
        relTypes ? JSON.stringify(relTypes) : null,
        senders ? JSON.stringify(senders) : null,
      );
      return new Set(rows.map((row) => row.id));
    },
    children(room, request) {
      const { parentId, depth, relType, type, after, upTo, limit } = request;
      const forwards = request.direction === "f";
      if (depth === 1 && relType !== undefined) {
        const ofKind = forwards ? ofKindAscending : ofKindDescending;
        return ofKind.all(parentId, relType, after, upTo, room.nid, type ?? null, limit);
      }
      const related = forwards ? ascending : descending;
      return related.all(parentId, room.nid, depth, after, upTo, relType ?? null, type ?? null, limit);
    },
  };
}

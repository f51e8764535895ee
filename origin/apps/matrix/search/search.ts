import { createTurns } from "../../../host/turns.ts";
import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findReadableRoom } from "../rooms/access.ts";
import { latestEdits } from "../rooms/latest-edits.ts";
import { relatedAmong } from "../rooms/paginate.ts";
import type { RoomEventFilter } from "../sync/filter.ts";
import type { Query } from "./query.ts";
import { type SearchKey, searchableText, searchKeyOf } from "./searchable-text.ts";
import { wordsOf } from "./words.ts";

export interface Search {
  readonly userId: string;
  readonly query: Query;
  readonly keys: ReadonlySet<SearchKey>;
  readonly filter: RoomEventFilter;
  /** Only what is of this room, or from this sender: one group of an earlier answer. */
  readonly only: { readonly roomId?: string; readonly sender?: string };
}

/** An event that answers, and may be read by who asks. */
export interface Hit {
  readonly so: number;
  readonly eventId: string;
  readonly roomId: string;
  readonly sender: string;
  readonly rank: number;
  /** Words of it to highlight. */
  readonly found: readonly string[];
}

export interface Hits {
  /** The newest first. */
  readonly hits: readonly Hit[];
  /** Where to go on, when older events have not been looked at. */
  readonly before: number | undefined;
}

/** Of the events that the index names: what one step looks at. */
const mostCandidates = 500;
/** Events that are read between two turns of the event loop. */
const inOneGo = 25;

/**
 * Finds the newest events below a position that answer the search, `wanted` of them or a few more. Looks only into
 * rooms that the user is or was in, and there only at what they may read: how long it takes, and what it counts, says
 * nothing of other rooms.
 */
export async function findHits(
  matrix: MatrixContext,
  search: Search,
  before: number,
  wanted: number,
): Promise<Hits> {
  const candidates = await findCandidates(matrix, search, before);
  const turns = createTurns();
  const hits: Hit[] = [];
  for (let start = 0; start < candidates.length; start += inOneGo) {
    await turns();
    if (hits.length >= wanted) return { hits, before: candidates[start - 1] };
    const positions = candidates.slice(start, start + inOneGo);
    const events = matrix.events.at(positions).toReversed();
    hits.push(...checkHits(matrix, search, events));
  }
  return { hits, before: candidates.length === mostCandidates ? candidates.at(-1) : undefined };
}

/** Positions of readable events whose words may answer, the newest first. */
async function findCandidates(matrix: MatrixContext, search: Search, before: number): Promise<number[]> {
  const rooms = matrix.memberships
    .searchableRooms(search.userId)
    .filter(({ roomId }) => search.filter.includesRoom(roomId) && (search.only.roomId ?? roomId) === roomId);
  const turns = createTurns();
  let newest: number[] = [];
  // The room of the newest event comes first: often what is found there is enough.
  for (const { nid, roomId, last } of rooms) {
    await turns();
    const oldest = newest.length === mostCandidates ? newest.at(-1)! : -1;
    if (last < oldest) break;
    const found = readableHits(matrix, search, { nid, roomId }, before, oldest);
    if (found.length === 0) continue;
    newest = [...newest, ...found].toSorted((one, other) => other - one).slice(0, mostCandidates);
  }
  return newest;
}

function readableHits(
  matrix: MatrixContext,
  { userId, query }: Search,
  { nid, roomId }: { nid: number; roomId: string },
  before: number,
  after: number,
): number[] {
  const readable: number[] = [];
  let opened: ReturnType<typeof findReadableRoom>;
  for (let below = before, limit = mostCandidates; ; limit = 10 * mostCandidates) {
    const found = matrix.searchIndex.hits(nid, query, below, limit);
    // Most rooms hold nothing, and need not be opened.
    if (found.length > 0) opened ??= findReadableRoom(matrix, roomId, userId);
    if (!opened) return readable;
    for (const so of found) {
      if (so <= after) return readable;
      if (so > opened.upTo || !opened.reader.mayReadAt(so)) continue;
      readable.push(so);
      if (readable.length === mostCandidates) return readable;
    }
    if (found.length < limit) return readable;
    below = found.at(-1)!;
  }
}

/** Those of the events that answer in the words that the user sees. In one go: nothing changes meanwhile. */
function checkHits(matrix: MatrixContext, search: Search, events: readonly RoomEvent[]): Hit[] {
  const { userId, query, keys, filter, only } = search;
  const ignored = matrix.accountData.ignored(userId);
  const wanted = events.filter(
    ({ roomId, redactedBy, pdu }) =>
      redactedBy === null &&
      keys.has(searchKeyOf(pdu.type)!) &&
      (only.sender ?? pdu.sender) === pdu.sender &&
      (pdu.state_key !== undefined || !ignored.has(pdu.sender)) &&
      filter.matches(pdu, roomId),
  );
  const related = relatedAmong(matrix, wanted, filter);
  const textOf = textsFor(matrix, userId, wanted);
  const hits: Hit[] = [];
  for (const event of wanted) {
    if (related?.has(event.eventId) === false) continue;
    const words = wordsOf(textOf(event));
    const match = query.match(words);
    if (!match) continue;
    hits.push({
      so: event.so,
      eventId: event.eventId,
      roomId: event.roomId,
      sender: event.pdu.sender,
      rank: rankOf(match.counts, words.length),
      found: match.found,
    });
  }
  return hits;
}

/** The text of each event as the user sees it: with its latest edit that they may read. */
function textsFor(
  matrix: MatrixContext,
  userId: string,
  events: readonly RoomEvent[],
): (event: RoomEvent) => string {
  const targets = new Map(events.map((event) => [event.eventId, event]));
  const related = matrix.relations.editsAndReferences(
    [...targets.keys()],
    Number.MAX_SAFE_INTEGER,
    new Set(),
  );
  if (related.length === 0) return (event) => searchableText(event);
  const readers = new Map<string, ReturnType<typeof findReadableRoom>>();
  const readable = related.filter(({ target, so }) => {
    const roomId = targets.get(target)?.roomId ?? "";
    if (!readers.has(roomId)) readers.set(roomId, findReadableRoom(matrix, roomId, userId));
    const opened = readers.get(roomId);
    return opened !== undefined && so <= opened.upTo && opened.reader.mayReadAt(so);
  });
  const edits = latestEdits(targets, readable);
  const loaded = matrix.events.byIds([...edits.values()].map((edit) => edit.eventId));
  return (event) => searchableText(event, loaded.get(edits.get(event.eventId)?.eventId ?? ""));
}

/** A usual length of a message, in words. */
const usualLength = 12;

/**
 * BM25 with its usual constants, but without the weight of rare words: every hit has all the words of the query, and
 * how rare they are on the server is nobody's affair.
 */
function rankOf(counts: readonly number[], length: number): number {
  const stretch = 1.2 * (0.25 + (0.75 * length) / usualLength);
  return counts.reduce((sum, count) => sum + (count * 2.2) / (count + stretch), 0);
}

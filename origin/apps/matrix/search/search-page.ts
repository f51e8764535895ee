import { invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findHits, type Hit, type Search } from "./search.ts";

export type Order = "rank" | "recent";
export type GroupKey = "room_id" | "sender";

export interface SearchPage {
  readonly hits: readonly Hit[];
  /** Of all that was found from the first page on; at least so many where more is left to look at. */
  readonly count: number;
  readonly nextBatch: string | undefined;
  readonly groups: Readonly<Partial<Record<GroupKey, Record<string, Group>>>>;
}

interface Group {
  readonly order: number;
  readonly results: string[];
  next_batch?: string;
}

/**
 * Where a search goes on. `before`: of events older than this; `skip`: with order rank, the hits that were shown, of
 * those which were there at the first page.
 */
export interface Cursor {
  readonly before: number;
  readonly skip: number;
  readonly count: number | undefined;
  readonly roomId?: string;
  readonly sender?: string;
}

/** Where few of the events that the index names answer after all: how often one request looks further. */
const mostSteps = 4;

/** One page of a search. With order rank the newest 500 hits are ranked: no more than that is anybody's to read through. */
export async function findPage(
  matrix: MatrixContext,
  search: Search,
  options: {
    readonly order: Order;
    readonly limit: number;
    readonly cursor: Cursor | undefined;
    readonly groupBy: readonly GroupKey[];
  },
): Promise<SearchPage> {
  const { order, limit, groupBy } = options;
  const cursor = options.cursor ?? { before: matrix.stream.current() + 1, skip: 0, count: undefined };
  const { before, skip } = cursor;
  return order === "rank" ? ranked() : recent();

  async function ranked(): Promise<SearchPage> {
    const { hits: found } = await findHits(matrix, search, before, Number.POSITIVE_INFINITY);
    const hits = found.toSorted((one, other) => other.rank - one.rank || other.so - one.so);
    const count = cursor.count ?? hits.length;
    const end = skip + limit;
    const seen = hits.slice(0, end);
    const page = hits.slice(skip, end);
    return {
      hits: page,
      count,
      nextBatch: hits.length > end ? formatCursor({ ...cursor, skip: end, count }) : undefined,
      groups: groupsOf(page, groupBy, (key, value) => {
        const shown = seen.filter((hit) => groupOf(hit, key) === value).length;
        const all = hits.filter((hit) => groupOf(hit, key) === value).length;
        return shown < all ? formatCursor({ ...only(cursor, key, value), skip: shown, count }) : undefined;
      }),
    };
  }

  async function recent(): Promise<SearchPage> {
    const hits: Hit[] = [];
    let next: number | undefined = before;
    for (let step = 0; next !== undefined && hits.length < limit && step < mostSteps; step += 1) {
      // The first page counts as well.
      const wanted: number = cursor.count === undefined ? Number.POSITIVE_INFINITY : limit - hits.length;
      const found = await findHits(matrix, search, next, wanted);
      hits.push(...found.hits);
      next = found.before;
    }
    const count = cursor.count ?? hits.length;
    const page = hits.slice(0, limit);
    const end = page.length === limit ? page.at(-1)!.so : next;
    return {
      hits: page,
      count,
      nextBatch: end === undefined ? undefined : formatCursor({ ...cursor, before: end, count }),
      groups: groupsOf(page, groupBy, (key, value) => {
        const last = page.findLast((hit) => groupOf(hit, key) === value);
        if (end === undefined || !last) return undefined;
        return formatCursor({ ...only(cursor, key, value), before: last.so, count });
      }),
    };
  }
}

const groupOf = (hit: Hit, key: GroupKey): string => (key === "sender" ? hit.sender : hit.roomId);

const only = (cursor: Cursor, key: GroupKey, value: string): Cursor =>
  key === "sender" ? { ...cursor, sender: value } : { ...cursor, roomId: value };

function groupsOf(
  hits: readonly Hit[],
  groupBy: readonly GroupKey[],
  next: (key: GroupKey, value: string) => string | undefined,
): SearchPage["groups"] {
  const byKey: Partial<Record<GroupKey, Record<string, Group>>> = {};
  for (const key of groupBy) {
    const groups = new Map<string, Group>();
    for (const hit of hits) {
      const value = groupOf(hit, key);
      const group = groups.get(value) ?? { order: groups.size + 1, results: [] };
      groups.set(value, group);
      group.results.push(hit.eventId);
    }
    for (const [value, group] of groups) {
      const nextBatch = next(key, value);
      if (nextBatch !== undefined) group.next_batch = nextBatch;
    }
    byKey[key] = Object.fromEntries(groups);
  }
  return byKey;
}

const formatCursor = ({ before, skip, count, roomId, sender }: Cursor): string =>
  Buffer.from(JSON.stringify([before, skip, count ?? 0, roomId ?? null, sender ?? null])).toString(
    "base64url",
  );

/** Throws 400 M_INVALID_PARAM for anything that this server cannot have given out. */
export function parseCursor(token: string): Cursor {
  const unknown = invalidParam("next_batch is not a token that this server gave out.");
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw unknown;
  }
  if (!Array.isArray(parts)) throw unknown;
  const [before, skip, count, roomId, sender] = parts as unknown[];
  if (!isCount(before) || !isCount(skip) || !isCount(count) || !isName(roomId) || !isName(sender)) {
    throw unknown;
  }
  return {
    before,
    skip,
    count,
    ...(roomId !== null && { roomId }),
    ...(sender !== null && { sender }),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isName = (value: unknown): value is string | null => value === null || typeof value === "string";

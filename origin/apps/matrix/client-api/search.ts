import { createTurns } from "../../../host/turns.ts";
import type { JsonObject } from "../events/event.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findReadableRoom, type OpenedRoom } from "../rooms/access.ts";
import { type ClientEvent, toClientEvents, toClientState } from "../rooms/client-event.ts";
import { eventsAround, sendersOf } from "../rooms/paginate.ts";
import type { Answer, Call, Route } from "../route.ts";
import { parseQuery } from "../search/query.ts";
import type { Hit } from "../search/search.ts";
import { findPage, type GroupKey, type Order, parseCursor } from "../search/search-page.ts";
import { type SearchKey, searchKeys } from "../search/searchable-text.ts";
import { parseRoomEventFilter } from "../sync/filter.ts";
import { formatToken } from "../sync/position.ts";
import { largestPage } from "./message-pagination.ts";
import {
  isObject,
  optionalArray,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  optionalStrings,
  requireObject,
  requireString,
} from "./read-body.ts";
import { viewOf } from "./rooms.ts";

const usualPage = 10;
const usualContext = 5;
/** Events on either side of each result. */
const largestContext = 20;
/** ms to wait for the newest messages to be indexed. */
const patience = 2000;

interface ContextWish {
  readonly before: number;
  readonly after: number;
  readonly profiles: boolean;
}

export function searchRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/search",
      access: "reading",
      handle: (call) => search(matrix, call),
    },
  ];
}

async function search(matrix: MatrixContext, call: Call): Promise<Answer> {
  const body = await call.json();
  const asked = optionalObject(requireObject(body, "search_categories"), "room_events");
  if (!asked) return { search_categories: {} };
  const query = parseQuery(requireString(asked, "search_term"));
  const filter = parseRoomEventFilter(optionalObject(asked, "filter") ?? {});
  const token = call.query.get("next_batch");
  const cursor = token === null || token === "" ? undefined : parseCursor(token);
  const order = readChoice<Order>(
    optionalString(asked, "order_by") ?? "rank",
    ["rank", "recent"],
    "order_by",
  );
  const keys = readKeys(asked);
  const groupBy = readGroups(asked);
  const context = readContext(asked);
  const includeState = optionalBoolean(asked, "include_state") === true;

  await matrix.searchIndex.catchUp(patience);
  const { roomId, sender } = cursor ?? {};
  const page = await findPage(
    matrix,
    {
      userId: call.requester.userId,
      query,
      keys,
      filter,
      only: { ...(roomId !== undefined && { roomId }), ...(sender !== undefined && { sender }) },
    },
    { order, cursor, groupBy, limit: Math.max(1, Math.min(filter.limit ?? usualPage, largestPage)) },
  );
  const results = await showResults(matrix, call, page.hits, context);
  const rooms = includeState ? await showStates(matrix, call, page.hits) : undefined;
  return {
    search_categories: {
      room_events: {
        count: page.count,
        highlights: highlightsOf(page.hits),
        results,
        ...(rooms && { state: rooms }),
        ...(groupBy.length > 0 && { groups: page.groups }),
        ...(page.nextBatch !== undefined && { next_batch: page.nextBatch }),
      },
    },
  };
}

function readKeys(asked: JsonObject): ReadonlySet<SearchKey> {
  const keys = optionalStrings(asked, "keys") ?? searchKeys;
  return new Set(keys.map((key) => readChoice<SearchKey>(key, searchKeys, "keys")));
}

function readGroups(asked: JsonObject): GroupKey[] {
  const groupings = optionalObject(asked, "groupings");
  const wanted = (groupings && optionalArray(groupings, "group_by")) ?? [];
  const keys = wanted.map((group) => {
    if (!isObject(group)) throw badJson("group_by must be a list of objects.");
    return readChoice<GroupKey>(requireString(group, "key"), ["room_id", "sender"], "key");
  });
  return [...new Set(keys)];
}

function readContext(asked: JsonObject): ContextWish | undefined {
  const wish = optionalObject(asked, "event_context");
  if (!wish) return undefined;
  const read = (key: string): number => {
    const limit = optionalInteger(wish, key) ?? usualContext;
    if (limit < 0) throw invalidParam(`${key} must be 0 or more.`);
    return Math.min(limit, largestContext);
  };
  return {
    before: read("before_limit"),
    after: read("after_limit"),
    profiles: optionalBoolean(wish, "include_profile") === true,
  };
}

function readChoice<Choice extends string>(value: string, choices: readonly Choice[], key: string): Choice {
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw invalidParam(`${key} must be one of ${choices.join(", ")}.`);
  return choice;
}

/** Words of the results, as they stand there; clients look for each of them. */
const mostHighlights = 50;

function highlightsOf(hits: readonly Hit[]): string[] {
  const words = new Set(hits.flatMap((hit) => hit.found.map((word) => word.toLowerCase())));
  return [...words].slice(0, mostHighlights);
}

/** What changed since it was found, as by a redaction, is left out. */
async function showResults(
  matrix: MatrixContext,
  call: Call,
  hits: readonly Hit[],
  wish: ContextWish | undefined,
): Promise<object[]> {
  const turns = createTurns();
  const results: object[] = [];
  for (const hit of hits) {
    await turns();
    const opened = findReadableRoom(matrix, hit.roomId, call.requester.userId);
    const event = matrix.events.byId(hit.eventId);
    if (!opened || !event || event.redactedBy !== null) continue;
    const [result] = toClientEvents(matrix, [event], viewOf(call, opened));
    results.push({
      rank: hit.rank,
      result,
      ...(wish && { context: showContext(matrix, call, opened, hit, wish) }),
    });
  }
  return results;
}

const everything = parseRoomEventFilter({});

function showContext(
  matrix: MatrixContext,
  call: Call,
  opened: OpenedRoom,
  hit: Hit,
  wish: ContextWish,
): object {
  const { userId } = call.requester;
  const around = eventsAround(matrix, opened, hit.so, { ...wish, userId, filter: everything });
  const view = viewOf(call, opened);
  return {
    start: formatToken({ so: around.start }),
    end: formatToken({ so: around.end }),
    events_before: toClientEvents(matrix, around.before, view),
    events_after: toClientEvents(matrix, around.after, view),
    ...(wish.profiles && {
      profile_info: showProfiles(
        sendersOf(matrix, opened, [...around.before, ...matrix.events.at([hit.so]), ...around.after]),
      ),
    }),
  };
}

function showProfiles(members: ReturnType<typeof sendersOf>): Record<string, object> {
  return Object.fromEntries(
    members.map(({ pdu }) => {
      const { displayname, avatar_url: avatarUrl } = pdu.content;
      const profile = {
        ...(typeof displayname === "string" && { displayname }),
        ...(typeof avatarUrl === "string" && { avatar_url: avatarUrl }),
      };
      return [pdu.state_key ?? "", profile];
    }),
  );
}

async function showStates(
  matrix: MatrixContext,
  call: Call,
  hits: readonly Hit[],
): Promise<Record<string, ClientEvent[]>> {
  const turns = createTurns();
  const rooms: Record<string, ClientEvent[]> = {};
  for (const roomId of new Set(hits.map((hit) => hit.roomId))) {
    await turns();
    const opened = findReadableRoom(matrix, roomId, call.requester.userId);
    if (opened) rooms[roomId] = toClientState(matrix, opened.state(), viewOf(call, opened));
  }
  return rooms;
}

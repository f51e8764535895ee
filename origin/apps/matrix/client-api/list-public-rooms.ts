import type { JsonObject } from "../events/event.ts";
import { badJson, forbidden, notFound } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { unknownRoom } from "../rooms/membership.ts";
import type { Room } from "../rooms/room.ts";
import { type DirectoryPage, requirePublisher } from "../rooms/room-directory.ts";
import type { Answer, Call, Route } from "../route.ts";
import { mayLookUp } from "./directory.ts";
import { optionalArray, optionalInteger, optionalObject, optionalString, queryCount } from "./read-body.ts";

const usualLimit = 100;
const largestLimit = 500;
const nothing: DirectoryPage = { chunk: [], total_room_count_estimate: 0 };

/**
 * The published room directory. Closed unless the owner opens it to members (`matrix.room_directory`); to anybody
 * else never (M3). Closed, it lists nothing and takes no room in. Whether one room is listed the specification lets
 * everyone ask, and the Rust SDK asks without a token: to those without an account every room is private.
 */
export function listPublicRoomsRoutes(matrix: MatrixContext): Route[] {
  const path = "/_matrix/client/v3/directory/list/room/:roomId";
  const { roomDirectory } = matrix;

  function list(call: Call): Answer {
    checkServer(matrix, call);
    if (!isOpen(matrix)) return nothing;
    const { query } = call;
    const limit = Math.max(1, queryCount(query, "limit", usualLimit, largestLimit));
    return roomDirectory.list({
      limit,
      since: query.get("since") ?? undefined,
      term: undefined,
      types: undefined,
    });
  }

  async function search(call: Call): Promise<Answer> {
    checkServer(matrix, call);
    const body = await call.json({ mayBeEmpty: true });
    const filter = optionalObject(body, "filter") ?? {};
    const question = {
      limit: readLimit(body),
      since: optionalString(body, "since"),
      term: optionalString(filter, "generic_search_term"),
      types: readTypes(filter),
    };
    return isOpen(matrix) ? roomDirectory.list(question) : nothing;
  }

  return [
    { method: "GET", path: "/_matrix/client/v3/publicRooms", access: "member", handle: list },
    {
      method: "POST",
      path: "/_matrix/client/v3/publicRooms",
      access: "reading",
      limit: "search",
      handle: search,
    },
    {
      method: "GET",
      path,
      access: "public",
      handle: (call) => {
        if (!mayLookUp(matrix, call)) return { visibility: "private" };
        const room = roomOf(matrix, call);
        return { visibility: isOpen(matrix) && roomDirectory.has(room) ? "public" : "private" };
      },
    },
    {
      method: "PUT",
      path,
      access: "member",
      handle: async (call) => {
        const isPublic = readVisibility(await call.json({ mayBeEmpty: true })) !== "private";
        return matrix.database.write((transaction) => {
          const room = roomOf(matrix, call);
          if (isPublic) requireOpenDirectory(matrix);
          requirePublisher(room, call.requester.userId);
          roomDirectory.set(transaction, room, isPublic);
          return {};
        });
      },
    },
  ];
}

/** `visibility` of a body; undefined when it says nothing. */
export function readVisibility(body: JsonObject): "public" | "private" | undefined {
  const visibility = optionalString(body, "visibility");
  if (visibility !== undefined && visibility !== "public" && visibility !== "private") {
    throw badJson("visibility must be public or private.");
  }
  return visibility;
}

/** M3: saying yes and not publishing would leave people to wonder where their room is. */
export function requireOpenDirectory(matrix: MatrixContext): void {
  if (isOpen(matrix)) return;
  throw forbidden(
    "This server publishes no rooms. Make the room with visibility private: it can still be open to whoever knows its address.",
  );
}

const isOpen = (matrix: MatrixContext): boolean => matrix.config.matrix.roomDirectory === "members";

function roomOf(matrix: MatrixContext, call: Call): Room {
  const room = matrix.rooms.get(call.params["roomId"] ?? "");
  if (!room) throw unknownRoom();
  return room;
}

function checkServer(matrix: MatrixContext, call: Call): void {
  const server = call.query.get("server");
  if (server === null || server === "" || server === matrix.config.serverName) return;
  throw notFound("This server lists its own rooms only.");
}

function readLimit(body: JsonObject): number {
  const limit = optionalInteger(body, "limit") ?? usualLimit;
  if (limit < 0) throw badJson("limit must be 0 or more.");
  return Math.min(Math.max(1, limit), largestLimit);
}

function readTypes(filter: JsonObject): (string | null)[] | undefined {
  const types = optionalArray(filter, "room_types");
  if (types?.some((type) => type !== null && typeof type !== "string")) {
    throw badJson("room_types must be a list of strings and nulls.");
  }
  return types as (string | null)[] | undefined;
}

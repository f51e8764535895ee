import { badJson, forbidden } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { unknownRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { optionalString } from "./read-body.ts";

/** The published room directory: closed (M3). It lists nothing, to members alone, and takes no room in. */
export function listPublicRoomsRoutes(matrix: MatrixContext): Route[] {
  const path = "/_matrix/client/v3/directory/list/room/:roomId";
  const nothing = { chunk: [], total_room_count_estimate: 0 };
  return [
    { method: "GET", path: "/_matrix/client/v3/publicRooms", access: "member", handle: () => nothing },
    {
      method: "POST",
      path: "/_matrix/client/v3/publicRooms",
      access: "member",
      handle: async (call) => {
        await call.json({ mayBeEmpty: true });
        return nothing;
      },
    },
    {
      method: "GET",
      path,
      access: "member",
      handle: (call) => {
        if (!matrix.rooms.get(call.params["roomId"] ?? "")) throw unknownRoom();
        return { visibility: "private" };
      },
    },
    {
      method: "PUT",
      path,
      access: "member",
      handle: async (call) => {
        const visibility = optionalString(await call.json({ mayBeEmpty: true }), "visibility") ?? "public";
        if (!matrix.rooms.get(call.params["roomId"] ?? "")) throw unknownRoom();
        if (visibility === "public") throw forbidden("This server publishes no rooms.");
        if (visibility !== "private") throw badJson("visibility must be public or private.");
        return {};
      },
    },
  ];
}

import { forbidden } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { addAlias, findAlias, removeAlias } from "../rooms/aliases.ts";
import { isWorldReadable } from "../rooms/describe-room.ts";
import type { Route } from "../route.ts";
import { requireString } from "./read-body.ts";

/** Room aliases. Members only, also where the specification asks for no sign-in: an alias tells of a room (M3). */
export function directoryRoutes(matrix: MatrixContext): Route[] {
  const path = "/_matrix/client/v3/directory/room/:roomAlias";
  return [
    {
      method: "GET",
      path,
      access: "member",
      handle: (call) => ({
        room_id: findAlias(matrix, call.params["roomAlias"] ?? "").roomId,
        servers: [matrix.config.serverName],
      }),
    },
    {
      method: "PUT",
      path,
      access: "member",
      handle: async (call) => {
        const roomId = requireString(await call.json(), "room_id");
        const request = { alias: call.params["roomAlias"] ?? "", roomId, userId: call.requester.userId };
        await matrix.database.write((transaction) => addAlias(matrix, transaction, request));
        return {};
      },
    },
    {
      method: "DELETE",
      path,
      access: "member",
      handle: async (call) => {
        const request = { alias: call.params["roomAlias"] ?? "", userId: call.requester.userId };
        await matrix.database.write((transaction) => removeAlias(matrix, transaction, request));
        return {};
      },
    },
    {
      method: "GET",
      path: "/_matrix/client/v3/rooms/:roomId/aliases",
      access: "member",
      handle: (call) => {
        const room = matrix.rooms.get(call.params["roomId"] ?? "");
        if (!room || (!isWorldReadable(room) && !room.joined.has(call.requester.userId))) {
          throw forbidden("You are not in this room.");
        }
        return { aliases: matrix.aliases.ofRoom(room.nid) };
      },
    },
  ];
}

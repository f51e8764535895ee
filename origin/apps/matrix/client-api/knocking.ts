import type { MatrixContext } from "../matrix-context.ts";
import { resolveRoom } from "../rooms/aliases.ts";
import { knockOnRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { optionalString } from "./read-body.ts";

export function knockingRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/knock/:roomIdOrAlias",
      access: "member",
      limit: "joins",
      handle: async (call) => {
        const { userId } = call.requester;
        const reason = optionalString(await call.json({ mayBeEmpty: true }), "reason");
        const roomId = resolveRoom(matrix, call.params["roomIdOrAlias"] ?? "");
        await matrix.database.write((transaction) =>
          knockOnRoom(matrix, transaction, { roomId, sender: userId, target: userId, reason }),
        );
        return { room_id: roomId };
      },
    },
  ];
}

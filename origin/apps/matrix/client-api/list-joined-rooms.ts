import type { MatrixContext } from "../matrix-context.ts";
import type { Route } from "../route.ts";

export function listJoinedRoomsRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/joined_rooms",
      access: "member",
      handle: (call) => ({ joined_rooms: matrix.memberships.joinedRoomIds(call.requester.userId) }),
    },
  ];
}

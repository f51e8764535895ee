import type { MatrixContext } from "../matrix-context.ts";
import { missingParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { joinedRoom, ownUser } from "./own-data.ts";
import { optionalBoolean, optionalInteger } from "./read-body.ts";

export function typingRoutes(matrix: MatrixContext): Route[] {
  async function setTyping(call: Call): Promise<Answer> {
    const userId = ownUser(call);
    const body = await call.json();
    const typing = optionalBoolean(body, "typing");
    if (typing === undefined) throw missingParam("typing is missing.");
    matrix.presence.active(userId, call.requester.deviceId);
    matrix.typing.set(joinedRoom(matrix, call).nid, userId, typing, optionalInteger(body, "timeout"));
    return {};
  }

  return [
    {
      method: "PUT",
      path: "/_matrix/client/v3/rooms/:roomId/typing/:userId",
      access: "member",
      handle: setTyping,
    },
  ];
}

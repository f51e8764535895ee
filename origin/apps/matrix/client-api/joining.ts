import type { MatrixContext } from "../matrix-context.ts";
import { resolveRoom } from "../rooms/aliases.ts";
import { joinRoom } from "../rooms/membership.ts";
import type { Answer, Call, Route } from "../route.ts";
import { optionalString } from "./read-body.ts";

export function joiningRoutes(matrix: MatrixContext): Route[] {
  async function join(call: Call, idOrAlias: string): Promise<Answer> {
    const { userId } = call.requester;
    const body = await call.json({ mayBeEmpty: true });
    const reason = optionalString(body, "reason");
    // Other servers take custom keys over into the event, and clients rely on it. The first is about invitations by
    // e-mail address.
    const { third_party_signed: _, reason: __, ...more } = body;
    const roomId = resolveRoom(matrix, idOrAlias);
    await matrix.database.write((transaction) =>
      joinRoom(matrix, transaction, { roomId, sender: userId, target: userId, reason, more }),
    );
    return { room_id: roomId };
  }
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/join",
      access: "member",
      limit: "joins",
      handle: (call) => join(call, call.params["roomId"] ?? ""),
    },
    {
      method: "POST",
      path: "/_matrix/client/v3/join/:roomIdOrAlias",
      access: "member",
      limit: "joins",
      handle: (call) => join(call, call.params["roomIdOrAlias"] ?? ""),
    },
  ];
}

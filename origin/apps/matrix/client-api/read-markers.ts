import type { MatrixContext } from "../matrix-context.ts";
import type { Answer, Call, Route } from "../route.ts";
import { joinedRoom } from "./own-data.ts";
import { optionalString } from "./read-body.ts";
import { eventInRoom } from "./receipts.ts";

export function readMarkersRoutes(matrix: MatrixContext): Route[] {
  const { database, receipts } = matrix;

  async function post(call: Call): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const body = await call.json({ mayBeEmpty: true });
    const fullyRead = optionalString(body, "m.fully_read");
    const wanted = (["m.read", "m.read.private"] as const).map(
      (type) => [type, optionalString(body, type)] as const,
    );
    await database.write((transaction) => {
      const room = joinedRoom(matrix, call);
      if (fullyRead !== undefined) {
        receipts.setFullyRead(transaction, room, userId, eventInRoom(matrix, room, fullyRead));
      }
      for (const [type, eventId] of wanted) {
        if (eventId === undefined) continue;
        const event = eventInRoom(matrix, room, eventId);
        receipts.set(transaction, room, { userId, type, event, thread: "" });
      }
    });
    matrix.presence.active(userId, deviceId);
    return {};
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/read_markers",
      access: "reading",
      handle: post,
    },
  ];
}

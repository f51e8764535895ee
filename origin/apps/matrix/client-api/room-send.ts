import type { MatrixContext } from "../matrix-context.ts";
import { requireJoined } from "../rooms/access.ts";
import type { Route } from "../route.ts";
import { readDelay, scheduleEvent } from "./delayed-events.ts";

export function roomSendRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "PUT",
      path: "/_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId",
      access: "member",
      limit: "messages",
      handle: async (call) => {
        const { roomId = "", eventType: type = "", txnId = "" } = call.params;
        const { userId, deviceId } = call.requester;
        const delay = readDelay(call);
        if (delay !== undefined) {
          // A repeat need not bring the body again.
          const later = await call.json({ mayBeEmpty: true });
          return matrix.transactions.once(call, `send/${roomId}/${type}`, (transaction) =>
            scheduleEvent(matrix, transaction, call, { type, content: later, delay }),
          );
        }
        const content = await call.json();
        // A redaction may come this way too; in every version its target then stands in the content.
        const redacts = type === "m.room.redaction" ? content["redacts"] : undefined;
        matrix.presence.active(userId, deviceId);
        return matrix.transactions.once(call, `send/${roomId}/${type}`, (transaction) => ({
          event_id: matrix.append(transaction, requireJoined(matrix, roomId, userId), {
            type,
            sender: userId,
            content,
            ...(typeof redacts === "string" && { redacts }),
            transaction: { deviceId, txnId },
          }).eventId,
        }));
      },
    },
  ];
}

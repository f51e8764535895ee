import type { MatrixContext } from "../matrix-context.ts";
import { requireJoined } from "../rooms/access.ts";
import { type Route, suspendedFromThis } from "../route.ts";
import { optionalString } from "./read-body.ts";

export function redactionRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "PUT",
      path: "/_matrix/client/v3/rooms/:roomId/redact/:eventId/:txnId",
      access: "reading",
      limit: "messages",
      handle: async (call) => {
        const { roomId = "", eventId: redacts = "", txnId = "" } = call.params;
        const { userId, deviceId, suspended } = call.requester;
        // §Account suspension: one's own words may be taken back, not others'.
        if (suspended && matrix.events.byId(redacts)?.pdu.sender !== userId) throw suspendedFromThis();
        const reason = optionalString(await call.json({ mayBeEmpty: true }), "reason");
        return matrix.transactions.once(call, `redact/${roomId}/${redacts}`, (transaction) => ({
          event_id: matrix.append(transaction, requireJoined(matrix, roomId, userId), {
            type: "m.room.redaction",
            sender: userId,
            content: reason === undefined ? {} : { reason },
            redacts,
            transaction: { deviceId, txnId },
          }).eventId,
        }));
      },
    },
  ];
}

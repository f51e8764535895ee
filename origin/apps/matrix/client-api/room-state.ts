import type { MatrixContext } from "../matrix-context.ts";
import { forbidden } from "../matrix-error.ts";
import { setState } from "../rooms/state.ts";
import type { Answer, Call, Route } from "../route.ts";
import { readDelay, scheduleEvent } from "./delayed-events.ts";

export function roomStateRoutes(matrix: MatrixContext): Route[] {
  async function put(call: Call): Promise<Answer> {
    const { roomId = "", eventType: type = "", stateKey = "" } = call.params;
    const sender = call.requester.userId;
    const content = await call.json();
    const delay = readDelay(call);
    return matrix.database.write((transaction) => {
      if (delay !== undefined) {
        return scheduleEvent(matrix, transaction, call, { type, stateKey, content, delay });
      }
      const room = matrix.rooms.get(roomId);
      // Whoever is not in the room may still join, knock or turn down by this path: the rules decide.
      if (!room) throw forbidden("You are not in this room.");
      return { event_id: setState(matrix, transaction, room, { type, stateKey, sender, content }).eventId };
    });
  }
  const path = "/_matrix/client/v3/rooms/:roomId/state/:eventType";
  // With an empty key the slash may stand or not.
  return [path, `${path}/`, `${path}/:stateKey`].map((each) => ({
    method: "PUT",
    path: each,
    access: "member",
    limit: "messages",
    handle: put,
  }));
}

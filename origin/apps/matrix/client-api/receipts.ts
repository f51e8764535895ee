import type { RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import type { Room } from "../rooms/room.ts";
import type { Answer, Call, Route } from "../route.ts";
import { joinedRoom } from "./own-data.ts";

/** The event that a receipt or marker points at. 404 M_NOT_FOUND when it is not in the room. */
export function eventInRoom(matrix: MatrixContext, room: Room, eventId: string): RoomEvent {
  const event = matrix.events.byId(eventId);
  if (!event || event.roomId !== room.roomId) throw notFound("There is no such event in this room.");
  return event;
}

export function receiptsRoutes(matrix: MatrixContext): Route[] {
  const { database, receipts } = matrix;

  async function post(call: Call): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const type = call.params["receiptType"];
    const thread = (await call.json({ mayBeEmpty: true }))["thread_id"];
    if (thread !== undefined && (typeof thread !== "string" || thread === "")) {
      throw invalidParam("thread_id must be a non-empty string.");
    }
    await database.write((transaction) => {
      const room = joinedRoom(matrix, call);
      const event = eventInRoom(matrix, room, call.params["eventId"] ?? "");
      if (type === "m.read" || type === "m.read.private") {
        receipts.set(transaction, room, { userId, type, event, thread: thread ?? "" });
      } else if (type === "m.fully_read") {
        if (thread !== undefined)
          throw invalidParam("m.fully_read goes over all threads: it takes no thread_id.");
        receipts.setFullyRead(transaction, room, userId, event);
      } else {
        throw invalidParam("The receipt type is one of m.read, m.read.private, m.fully_read.");
      }
    });
    matrix.presence.active(userId, deviceId);
    return {};
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/receipt/:receiptType/:eventId",
      access: "reading",
      handle: post,
    },
  ];
}

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Json, JsonObject, RoomEvent } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam } from "../matrix-error.ts";
import type { LoggedNotification } from "../push/notification-log.ts";
import { toClientEvents } from "../rooms/client-event.ts";
import type { Room } from "../rooms/room.ts";
import { createRoomReader } from "../rooms/visibility.ts";
import type { Answer, Call, Route } from "../route.ts";
import { formatToken, parseToken } from "../sync/position.ts";
import { queryCount } from "./read-body.ts";

const usualPage = 20;
const largestPage = 100;
/** Looks through the events for one page: some thousand events each. A page may end sooner than it is full. */
const mostLooks = 20;

/** What has notified the member, the newest first, as long as it is kept (Client-Server §GET /notifications). */
export function notificationsRoutes(matrix: MatrixContext): Route[] {
  async function list(call: Call): Promise<Answer> {
    const { query, requester } = call;
    const limit = Math.max(1, queryCount(query, "limit", usualPage, largestPage));
    const from = query.get("from");
    const only = query.get("only");
    if (only !== null && only !== "highlight") throw invalidParam("only can be highlight, or be left out.");
    let before: number | undefined = from ? parseToken(from).so : matrix.stream.current() + 1;
    const found: LoggedNotification[] = [];
    for (let looks = 0; looks < mostLooks && before !== undefined && found.length < limit; looks += 1) {
      if (looks > 0) await nextTurn();
      const look: ReturnType<typeof matrix.notificationLog.before> = matrix.notificationLog.before(
        requester.userId,
        before,
        limit - found.length,
        only !== null,
      );
      found.push(...look.found);
      before = look.from;
    }
    return {
      ...(before !== undefined && { next_token: formatToken({ so: before }) }),
      notifications: show(matrix, call, found),
    };
  }

  return [{ method: "GET", path: "/_matrix/client/v3/notifications", access: "member", handle: list }];
}

function show(matrix: MatrixContext, call: Call, found: readonly LoggedNotification[]): object[] {
  const { userId, deviceId } = call.requester;
  const shown = new Map<LoggedNotification, object>();
  const byRoom = Map.groupBy(found, ({ room }) => room);
  for (const [nid, ofRoom] of byRoom) {
    const room = matrix.rooms.byNid(nid);
    if (!room || !isThere(room, userId)) continue;
    const reader = createRoomReader(matrix.events, room, userId);
    const readable = ofRoom.flatMap((notification) => {
      const event = matrix.events.newest(room, notification.so - 1, notification.so, 1)[0];
      return event && reader.mayRead(event) ? [{ notification, event }] : [];
    });
    const view = { userId, deviceId, reader, withRoomId: false };
    const events = toClientEvents(
      matrix,
      readable.map(({ event }) => event),
      view,
    );
    for (const [index, { notification, event }] of readable.entries()) {
      shown.set(notification, toJson(notification, event, events[index] ?? {}));
    }
  }
  return found.flatMap((notification) => shown.get(notification) ?? []);
}

function isThere(room: Room, userId: string): boolean {
  const membership = room.members.get(userId);
  return membership === "join" || membership === "invite";
}

function toJson(notification: LoggedNotification, event: RoomEvent, shown: object): object {
  return {
    actions: actionsOf(notification.tweaks),
    event: shown,
    read: notification.read,
    room_id: event.roomId,
    ts: event.pdu.origin_server_ts,
  };
}

function actionsOf(tweaks: string): Json[] {
  const set = tweaks === "" ? [] : Object.entries(JSON.parse(tweaks) as JsonObject);
  return ["notify", ...set.map(([name, value]) => ({ set_tweak: name, value }))];
}

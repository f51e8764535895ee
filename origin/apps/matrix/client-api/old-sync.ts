import { createTurns } from "../../../host/turns.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findReadableRoom } from "../rooms/access.ts";
import { toClientEvent, toClientEvents } from "../rooms/client-event.ts";
import { stateOf } from "../rooms/room.ts";
import { createRoomReader } from "../rooms/visibility.ts";
import { type Answer, type Call, type Route, sessionOf } from "../route.ts";
import { longestWait } from "../sync/long-poll.ts";
import { createNewEvents, type NewEvents } from "../sync/new-events.ts";
import { formatToken } from "../sync/position.ts";
import { createWaitingPlaces } from "../sync/waiting-places.ts";
import { largestPage, readPosition } from "./message-pagination.ts";
import { queryCount, queryFlag } from "./read-body.ts";
import { readRoomInfo } from "./room-initial-sync.ts";
import { getEvent } from "./rooms.ts";

/** What came before /sync. Still asked for by clients that look into a world-readable room from outside. */
export function oldSyncRoutes(matrix: MatrixContext): Route[] {
  const newEvents = createNewEvents(matrix);
  const places = createWaitingPlaces();

  /** Waits for news of the requester's rooms, or with `room_id` of that room, which they need not be in. */
  async function getEvents(call: Call): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const roomId = call.query.get("room_id") ?? undefined;
    const timeout = queryCount(call.query, "timeout", 0, longestWait);
    const now = matrix.stream.current();
    const asked = readPosition(call.query.get("from")) ?? now;
    const from = asked > now || matrix.stream.isLost(asked) ? now : asked;
    const read = (position: number): NewEvents =>
      roomId === undefined ? newEvents.ofUser(userId, position) : newEvents.ofRoom(userId, roomId, position);
    const deadline = performance.now() + timeout;
    let found = read(from);
    const place = places.enter(`${userId} ${deviceId}`, call.signal);
    try {
      while (found.events.length === 0) {
        const left = deadline - performance.now();
        if (!(await matrix.waiters.wait(roomId ?? userId, left, place.signal).woken)) break;
        sessionOf(matrix.members, call.request);
        found = read(found.next);
      }
    } finally {
      place.leave();
    }
    const chunk = found.events.map(({ event, reader }) =>
      toClientEvent(matrix, event, { userId, deviceId, reader, withRoomId: true }),
    );
    return { start: formatToken({ so: from }), end: formatToken({ so: found.next }), chunk };
  }

  /** Everything of everything; with turns for others, since it is as much as a first /sync. */
  async function initialSync(call: Call): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const limit = queryCount(call.query, "limit", 10, largestPage);
    const archived = queryFlag(call.query, "archived");
    const now = matrix.stream.current();
    const data = matrix.accountData.all(userId);
    const turns = createTurns();
    const rooms: object[] = [];
    for (const { room: nid, membership } of matrix.memberships.roomsOf(userId)) {
      await turns();
      const room = matrix.rooms.byNid(nid);
      if (!room || membership === "knock") continue;
      if (membership === "invite") {
        const invite = stateOf(room, "m.room.member", userId);
        if (!invite || matrix.accountData.ignored(userId).has(invite.pdu.sender)) continue;
        const reader = createRoomReader(matrix.events, room, userId);
        const view = { userId, deviceId, reader, withRoomId: true };
        const shown = toClientEvents(matrix, [invite], view)[0];
        rooms.push({ room_id: room.roomId, membership, inviter: invite.pdu.sender, invite: shown });
        continue;
      }
      if (membership !== "join" && !archived) continue;
      const opened = findReadableRoom(matrix, room.roomId, userId);
      if (opened) rooms.push(readRoomInfo(matrix, call, opened, { upTo: now, limit, data }));
    }
    const global = data.filter((entry) => entry.room === 0 && entry.type !== "m.push_rules");
    return {
      end: formatToken({ so: now }),
      presence: [],
      rooms,
      account_data: [
        ...global.map(({ type, content }) => ({ type, content })),
        { type: "m.push_rules", content: matrix.userRules.ruleSetJson(userId) },
      ],
    };
  }

  const routes: [path: string, handle: Route["handle"]][] = [
    ["/_matrix/client/v3/events", getEvents],
    ["/_matrix/client/v3/events/:eventId", (call) => getEvent(matrix, call)],
    ["/_matrix/client/v3/initialSync", initialSync],
  ];
  return routes.map(([path, handle]) => ({ method: "GET", path, access: "member", handle }));
}

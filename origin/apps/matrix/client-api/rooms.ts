import type { RoomEvent } from "../events/event.ts";
import { forbidden, invalidParam, notFound } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { findReadableRoom, type OpenedRoom, openRoom } from "../rooms/access.ts";
import { type EventView, toClientEvent, toClientEvents, toClientState } from "../rooms/client-event.ts";
import { isWorldReadable } from "../rooms/describe-room.ts";
import { stateOf } from "../rooms/room.ts";
import type { Answer, Call, Route } from "../route.ts";
import { parseToken } from "../sync/position.ts";

/** The view of an opened room for the device that asks. */
export const viewOf = (call: Call, opened: OpenedRoom): EventView => ({
  userId: call.requester.userId,
  deviceId: call.requester.deviceId,
  reader: opened.reader,
  withRoomId: true,
});

/** The event of the path, if the requester may read it; 404 M_NOT_FOUND alike for what there is not and what they may not. */
export function openEvent(
  matrix: MatrixContext,
  call: Pick<Call, "params" | "requester">,
): { opened: OpenedRoom; event: RoomEvent } {
  const { eventId = "" } = call.params;
  const event = matrix.events.byId(eventId);
  // The deprecated form names the event alone.
  const roomId = call.params["roomId"] ?? event?.roomId ?? "";
  const opened =
    event?.roomId === roomId ? findReadableRoom(matrix, roomId, call.requester.userId) : undefined;
  if (!event || !opened || event.so > opened.upTo || !opened.reader.mayRead(event)) {
    throw notFound("There is no such event, or you may not read it.");
  }
  return { opened, event };
}

export function getEvent(matrix: MatrixContext, call: Call): Answer {
  const { opened, event } = openEvent(matrix, call);
  return toClientEvents(matrix, [event], viewOf(call, opened))[0] ?? {};
}

export function roomsRoutes(matrix: MatrixContext): Route[] {
  const room = "/_matrix/client/v3/rooms/:roomId";
  const open = (call: Call): OpenedRoom =>
    openRoom(matrix, call.params["roomId"] ?? "", call.requester.userId);

  function getStateEvent(call: Call): Answer {
    const { eventType = "", stateKey = "" } = call.params;
    const opened = open(call);
    const format = call.query.get("format") ?? "content";
    if (format !== "content" && format !== "event") throw invalidParam("format must be content or event.");
    const event = opened.stateEvent(eventType, stateKey);
    if (!event) throw notFound(`The room has no ${eventType} with that key.`);
    return format === "event" ? toClientEvent(matrix, event, viewOf(call, opened)) : event.pdu.content;
  }

  function getMembers(call: Call): Answer {
    const opened = open(call);
    const token = call.query.get("at");
    const at = token === null ? undefined : sinceFounded(matrix, opened, parseToken(token).so);
    const wanted = readMembership(call, "membership");
    const unwanted = readMembership(call, "not_membership");
    let state = opened.state();
    if (at !== undefined && at < opened.upTo) {
      if (!opened.reader.mayReadAt(at)) throw invalidParam("You may not see who was in the room then.");
      state = matrix.events.stateAt(opened.room, at);
    }
    const members = state.filter((event) => {
      if (event.pdu.type !== "m.room.member") return false;
      const membership = event.pdu.content["membership"];
      if (wanted === null) return unwanted === null || membership !== unwanted;
      // Given both, either suffices.
      return membership === wanted || (unwanted !== null && membership !== unwanted);
    });
    return { chunk: toClientState(matrix, members, viewOf(call, opened)) };
  }

  function getJoinedMembers(call: Call): Answer {
    const joined: Record<string, object> = {};
    const found = matrix.rooms.get(call.params["roomId"] ?? "");
    // Who looks into a world readable room before joining it asks for these too.
    if (!found || (!found.joined.has(call.requester.userId) && !isWorldReadable(found))) {
      throw forbidden("You are not in this room.");
    }
    for (const userId of found.joined) {
      const { displayname, avatar_url: avatarUrl } =
        stateOf(found, "m.room.member", userId)?.pdu.content ?? {};
      // Null and not left out: so every peer answers, and suites ask for the keys.
      joined[userId] = {
        display_name: typeof displayname === "string" ? displayname : null,
        avatar_url: typeof avatarUrl === "string" ? avatarUrl : null,
      };
    }
    return { joined };
  }

  function getState(call: Call): Answer {
    const opened = open(call);
    return toClientState(matrix, opened.state(), viewOf(call, opened));
  }

  const routes: [path: string, handle: Route["handle"]][] = [
    [`${room}/event/:eventId`, (call) => getEvent(matrix, call)],
    [`${room}/state`, getState],
    // With an empty key the slash may stand or not.
    [`${room}/state/:eventType`, getStateEvent],
    [`${room}/state/:eventType/`, getStateEvent],
    [`${room}/state/:eventType/:stateKey`, getStateEvent],
    [`${room}/members`, getMembers],
    [`${room}/joined_members`, getJoinedMembers],
  ];
  return routes.map(([path, handle]) => ({ method: "GET", path, access: "member", handle }));
}

/**
 * The position, or the creator's joining where it lies before the room: a token from the start of a timeline that
 * holds the whole room asks who was there at first.
 */
function sinceFounded(matrix: MatrixContext, { room, upTo }: OpenedRoom, at: number): number {
  if (at >= (stateOf(room, "m.room.create")?.so ?? 0)) return at;
  return matrix.events.oldest(room, 0, upTo, 2).at(-1)?.so ?? at;
}

const memberships = ["join", "invite", "knock", "leave", "ban"];

function readMembership(call: Call, key: string): string | null {
  const value = call.query.get(key);
  if (value !== null && !memberships.includes(value)) {
    throw invalidParam(`${key} must be one of ${memberships.join(", ")}.`);
  }
  return value;
}

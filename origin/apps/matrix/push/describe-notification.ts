import type { Json, JsonObject, RoomEvent } from "../events/event.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import { summarise } from "../sync/room-summary.ts";
import type { Pusher } from "./pushers.ts";

/** What a push gateway is told of an event (Push Gateway API §POST /_matrix/push/v1/notify). */
export function describeEvent(
  pusher: Pusher,
  event: RoomEvent,
  room: Room,
  tweaksText: string,
  unread: number,
): JsonObject {
  const tweaks = tweaksText === "" ? {} : (JSON.parse(tweaksText) as JsonObject);
  const about = {
    event_id: event.eventId,
    room_id: event.roomId,
    prio: priorityOf(event, tweaks),
    counts: { unread },
  };
  // The format for apps that fetch the event themselves, and let the gateway know no more than that there is one.
  if (pusher.data["format"] === "event_id_only") return { ...about, devices: [deviceOf(pusher)] };
  const { type, sender, content, state_key: stateKey } = event.pdu;
  return {
    ...about,
    type,
    sender,
    ...named("sender_display_name", nameIn(room, sender)),
    ...named("room_name", roomName(room, pusher.userId)),
    ...named("room_alias", textIn(room, "m.room.canonical_alias", "alias")),
    ...(type === "m.room.member" && { user_is_target: stateKey === pusher.userId }),
    // The gateway could do nothing with it but keep it.
    ...(type !== "m.room.encrypted" && { content }),
    devices: [{ ...deviceOf(pusher), tweaks }],
  };
}

/**
 * Only how much is unread, for the number at the app's icon. None is said as 0, though the specification would leave
 * it out: gateways take an absent number for no change, and peers say it.
 */
export function describeBadge(pusher: Pusher, unread: number): JsonObject {
  return { prio: "low", counts: { unread }, devices: [deviceOf(pusher)] };
}

const deviceOf = ({ appId, pushkey, setAt, data }: Pusher): JsonObject => ({
  app_id: appId,
  pushkey,
  pushkey_ts: Math.floor(setAt / 1000),
  data,
});

/** As peers judge it: high for what makes itself heard or seen, and for what nobody here can read. */
function priorityOf({ pdu }: RoomEvent, tweaks: JsonObject): "high" | "low" {
  const isHeard = Boolean(tweaks["sound"]) || Boolean(tweaks["highlight"]);
  return isHeard || pdu.type === "m.room.encrypted" ? "high" : "low";
}

const named = (key: string, name: string | undefined): JsonObject =>
  name === undefined ? {} : { [key]: name };

function textIn(room: Room, type: string, key: string): string | undefined {
  const text: Json | undefined = stateOf(room, type)?.pdu.content[key];
  return typeof text === "string" && text !== "" ? text : undefined;
}

function nameIn(room: Room, userId: string): string | undefined {
  const name = stateOf(room, "m.room.member", userId)?.pdu.content["displayname"];
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Client-Server §Calculating the display name for a room, where it has neither name nor alias: by who is in it. */
function roomName(room: Room, userId: string): string | undefined {
  const name = textIn(room, "m.room.name", "name") ?? textIn(room, "m.room.canonical_alias", "alias");
  if (name !== undefined) return name;
  const heroes = (summarise(room, userId)["m.heroes"] ?? []).map((hero) => nameIn(room, hero) ?? hero);
  const [first, second] = heroes;
  if (first === undefined) return undefined;
  if (second === undefined) return first;
  const others = room.joined.size - (room.joined.has(userId) ? 2 : 1);
  return others <= 1 ? `${first} and ${second}` : `${first} and ${others} others`;
}

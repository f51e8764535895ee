import type { RoomEvent } from "../events/event.ts";

/**
 * Where devices began to encrypt with a new session (Megolm). Clients on sliding sync put a session's key into their
 * backup when the connection for encryption answers, and peers let it answer at every event. Here it does when there
 * is a key to put away: each answer is a request more of the edge's free plan. In memory: whoever lost it in a restart
 * puts the key away at the next answer.
 */
export interface NewSessions {
  /** Call after the commit of an event that the device sent. */
  sent(event: RoomEvent, deviceId: string): void;
  /** The position at which the device last began one; 0 where none is known. */
  last(userId: string, deviceId: string): number;
}

/** Rooms of devices whose session is remembered: the oldest is forgotten, and then taken for new once more. */
const mostSessions = 2000;

export function createNewSessions(): NewSessions {
  const sessions = new Map<string, string>();
  const positions = new Map<string, number>();
  const nameOf = (userId: string, deviceId: string): string => `${userId} ${deviceId}`;
  return {
    sent({ pdu, roomId, so }, deviceId) {
      const session = pdu.content["session_id"];
      if (pdu.type !== "m.room.encrypted" || typeof session !== "string") return;
      const device = nameOf(pdu.sender, deviceId);
      const place = `${device} ${roomId}`;
      if (sessions.get(place) === session) return;
      sessions.delete(place);
      sessions.set(place, session);
      positions.set(device, so);
      const oldest = sessions.keys().next().value;
      if (sessions.size > mostSessions && oldest !== undefined) sessions.delete(oldest);
    },
    last: (userId, deviceId) => positions.get(nameOf(userId, deviceId)) ?? 0,
  };
}

import type { JsonObject, RoomEvent } from "../../../../origin/apps/matrix/events/event.ts";
import { roomVersions } from "../../../../origin/apps/matrix/events/room-version.ts";
import type { Room } from "../../../../origin/apps/matrix/rooms/room.ts";
import type { Fixture, User } from "../fixture.ts";

/** A public room made by the first of the users, which the others have joined. Returns its id. */
export async function makeRoom(fixture: Fixture, creator: User, ...others: User[]): Promise<string> {
  const version = roomVersions.get("11");
  if (!version) throw new Error("Room version 11 is gone.");
  const { append, database } = fixture.matrix;
  const room = await database.write((transaction) => {
    const draft = {
      type: "m.room.create",
      stateKey: "",
      sender: creator.userId,
      content: { room_version: "11" },
    };
    const made = append.create(
      transaction,
      version,
      draft,
      () => `!room${fixture.matrix.stream.current()}:burrow.localhost`,
    );
    append(transaction, made, memberDraft(creator.userId, creator.userId, "join"));
    append(transaction, made, {
      type: "m.room.join_rules",
      stateKey: "",
      sender: creator.userId,
      content: { join_rule: "public" },
    });
    return made;
  });
  for (const user of others) await setMembership(fixture, room.roomId, user, "join");
  return room.roomId;
}

export function setMembership(
  fixture: Fixture,
  roomId: string,
  user: User,
  membership: "join" | "leave",
): Promise<RoomEvent> {
  return fixture.matrix.database.write((transaction) =>
    fixture.matrix.append(
      transaction,
      roomOf(fixture, roomId),
      memberDraft(user.userId, user.userId, membership),
    ),
  );
}

/** Sends a text message, with more content where given. */
export function say(
  fixture: Fixture,
  roomId: string,
  user: User,
  body: string,
  content: JsonObject = {},
): Promise<RoomEvent> {
  return fixture.matrix.database.write((transaction) =>
    fixture.matrix.append(transaction, roomOf(fixture, roomId), {
      type: "m.room.message",
      sender: user.userId,
      content: { msgtype: "m.text", body, ...content },
    }),
  );
}

export const inThread = (root: RoomEvent): JsonObject => ({
  "m.relates_to": { rel_type: "m.thread", event_id: root.eventId },
});

export function roomOf(fixture: Fixture, roomId: string): Room {
  const room = fixture.matrix.rooms.get(roomId);
  if (!room) throw new Error(`There is no room ${roomId}.`);
  return room;
}

function memberDraft(sender: string, target: string, membership: string) {
  return { type: "m.room.member", stateKey: target, sender, content: { membership } };
}

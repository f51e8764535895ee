import { type Room, stateOf } from "../rooms/room.ts";
import { heroesOf, invitedCount } from "../sync/room-summary.ts";
import type { RoomStretch } from "./room-stretch.ts";

/** What a room list shows of a room. Absent: as before, or in a room that is told of whole: there is none. */
export interface RoomDescription {
  /** `null`: taken away. */
  readonly name?: string | null;
  readonly avatar?: string | null;
  readonly heroes?: readonly Hero[];
  readonly joinedCount?: number;
  readonly invitedCount?: number;
}

/** Somebody by whom a room without a name is called. */
interface Hero {
  readonly user_id: string;
  readonly displayname?: string;
  readonly avatar_url?: string;
}

/** Whatever of it changed in the stretch. `dmChanged`: whether the room is a direct one, by the user's account data. */
export function describeRoom(
  stretch: RoomStretch,
  userId: string,
  isDm: boolean,
  dmChanged: boolean,
): RoomDescription {
  const { room, whole, changes } = stretch;
  const joined = room.joined.has(userId);
  const changed = (type: string): boolean =>
    whole ||
    changes.some(({ pdu }) => pdu.type === type && (type === "m.room.member" || pdu.state_key === ""));
  const membersChanged = changed("m.room.member");
  const nameChanged = changed("m.room.name");
  const name = textOf(stretch, "m.room.name", "name");
  const unnamed = joined && name === undefined && (membersChanged || nameChanged);
  const heroes = unnamed ? heroesOf(room, userId).map((hero) => describeHero(room, hero)) : undefined;
  // A direct room without a picture of its own shows the other person's.
  const avatarChanged = changed("m.room.avatar") || (isDm && membersChanged) || dmChanged;
  const avatar = avatarChanged
    ? (textOf(stretch, "m.room.avatar", "url") ?? (isDm && joined ? partnersAvatar(room, userId) : undefined))
    : undefined;
  return {
    ...(nameChanged && (name !== undefined || !whole) && { name: name ?? null }),
    ...(avatarChanged && (avatar !== undefined || !whole) && { avatar: avatar ?? null }),
    ...(heroes && { heroes }),
    ...(joined && membersChanged && { joinedCount: room.joined.size, invitedCount: invitedCount(room) }),
  };
}

/** A key of the content of the room's one event of the type, where it is filled. */
function textOf(stretch: RoomStretch, type: string, key: string): string | undefined {
  const value = stretch.stateEvent(type)?.pdu.content[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function describeHero(room: Room, hero: string): Hero {
  const { displayname, avatar_url: avatarUrl } = stateOf(room, "m.room.member", hero)?.pdu.content ?? {};
  return {
    user_id: hero,
    ...(typeof displayname === "string" && { displayname }),
    ...(typeof avatarUrl === "string" && { avatar_url: avatarUrl }),
  };
}

function partnersAvatar(room: Room, userId: string): string | undefined {
  const heroes = heroesOf(room, userId);
  return heroes.length === 1 ? describeHero(room, heroes[0]!).avatar_url : undefined;
}

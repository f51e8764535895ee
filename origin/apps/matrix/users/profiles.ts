import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Json, JsonObject } from "../events/event.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Append } from "../rooms/append.ts";
import type { MembershipStore } from "../rooms/membership-store.ts";
import { type Room, stateOf } from "../rooms/room.ts";
import type { RoomStore } from "../rooms/room-store.ts";
import { type LocalMembers, localMember } from "./local-member.ts";

/** How people present themselves (specification §Profiles). */
export interface Profiles {
  /**
   * The fields, `displayname` and `avatar_url` among them where set; undefined when there is no such account.
   * Who has never set anything is called by the localpart.
   */
  get(userId: string): JsonObject | undefined;
  /** The two fields that are shown, of everyone who has set any field. */
  shown(): ShownProfile[];
  /**
   * Sets one field, or removes it (undefined), and tells every room that the user is in. Settles when all are told.
   * Throws 400 M_PROFILE_TOO_LARGE beyond 64 KiB in all.
   */
  set(userId: string, field: string, value: Json | undefined): Promise<void>;
  /** Sets the server's own fields, where they differ, without telling. */
  keep(transaction: Transaction, userId: string, fields: JsonObject): void;
  /** Takes all of it away, for good and without telling: of somebody who is in no room any more. */
  erase(transaction: Transaction, userId: string): void;
}

export interface ShownProfile {
  readonly userId: string;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

const largestProfile = 65_536;

/** Rooms told in one write: a long write would hold up everyone's messages. */
const roomsPerWrite = 20;

export function createProfiles(
  parts: {
    database: Database;
    rooms: RoomStore;
    memberships: MembershipStore;
    append: Append;
  } & LocalMembers,
): Profiles {
  const { database, rooms, memberships, append } = parts;
  const find = database.prepare<{ fields: string }>("SELECT fields FROM profiles WHERE user = ?");
  const shown = database.prepare<{ user: string; displayName: string | null; avatarUrl: string | null }>(
    `SELECT user, fields ->> '$.displayname' AS displayName, fields ->> '$.avatar_url' AS avatarUrl FROM profiles`,
  );
  const save = database.prepare(
    "INSERT INTO profiles (user, fields) VALUES (?, ?) ON CONFLICT DO UPDATE SET fields = excluded.fields",
  );

  function get(userId: string): JsonObject | undefined {
    const row = find.get(userId);
    if (row) return JSON.parse(row.fields) as JsonObject;
    const member = localMember(parts, userId);
    return member && { displayname: member.name };
  }

  function change(userId: string, field: string, value: Json | undefined): void {
    const { [field]: _, ...others } = get(userId) ?? {};
    const text = JSON.stringify(value === undefined ? others : { ...others, [field]: value });
    if (Buffer.byteLength(text) > largestProfile) {
      throw new MatrixError(400, "M_PROFILE_TOO_LARGE", "A profile may have at most 64 KiB.");
    }
    save.run(userId, text);
  }

  /** Sends the member event anew where it differs from the profile as it is by now. */
  function tell(transaction: Transaction, room: Room | undefined, userId: string): void {
    const current = room && stateOf(room, "m.room.member", userId)?.pdu.content;
    if (!room || current?.["membership"] !== "join") return;
    const { displayname, avatar_url: avatarUrl } = get(userId) ?? {};
    if (current["displayname"] === displayname && current["avatar_url"] === avatarUrl) return;
    try {
      append(transaction, room, {
        type: "m.room.member",
        stateKey: userId,
        sender: userId,
        content: {
          membership: "join",
          ...(displayname !== undefined && { displayname }),
          ...(avatarUrl !== undefined && { avatar_url: avatarUrl }),
        },
      });
    } catch (error) {
      // A room whose rules forbid it keeps the old name; the profile and the other rooms do not wait for it.
      if (!(error instanceof MatrixError)) throw error;
    }
  }

  return {
    get,
    shown: () =>
      shown.all().map(({ user, displayName, avatarUrl }) => ({
        userId: user,
        displayName: displayName ?? undefined,
        avatarUrl: avatarUrl ?? undefined,
      })),
    keep(_transaction, userId, fields) {
      const text = JSON.stringify(fields);
      if (find.get(userId)?.fields !== text) save.run(userId, text);
    },
    erase: (_transaction, userId) => void save.run(userId, "{}"),
    async set(userId, field, value) {
      const shown = field === "displayname" || field === "avatar_url";
      const joined = shown ? memberships.joinedRooms(userId) : [];
      for (let start = 0; start === 0 || start < joined.length; start += roomsPerWrite) {
        await database.write((transaction) => {
          if (start === 0) change(userId, field, value);
          for (const nid of joined.slice(start, start + roomsPerWrite)) {
            tell(transaction, rooms.byNid(nid), userId);
          }
        });
      }
    },
  };
}

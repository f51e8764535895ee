import type { Database } from "../../../storage/database.ts";
import type { MembershipStore } from "../rooms/membership-store.ts";
import type { LocalMembers } from "./local-member.ts";
import type { ShownProfile } from "./profiles.ts";

/** Finds people by their names (specification §User Directory). */
export interface UserDirectory {
  /**
   * Whom the user may find of those whom the term fits, the best first, and whether there are more than `limit`.
   * Names are those of the profiles: what someone is called in one room is told to nobody outside of it.
   */
  search(userId: string, term: string, limit: number): { found: FoundUser[]; limited: boolean };
}

export interface FoundUser {
  readonly userId: string;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
}

interface Candidate extends FoundUser {
  readonly rank: number;
  readonly near: boolean;
}

export function createUserDirectory(
  parts: {
    database: Database;
    memberships: MembershipStore;
    /** The profiles of those who have set anything. */
    shownProfiles: () => ShownProfile[];
    /** `members`: everyone with an account. `rooms`: who shares a room with the requester, or is in an open one. */
    scope: "rooms" | "members";
  } & LocalMembers,
): UserDirectory {
  const { database, memberships, shownProfiles, scope, members, serverName } = parts;
  // §User Directory: whoever is in a public or world-readable room can be seen there.
  const inOpenRoom = database.prepare<{ found: number }>(
    `SELECT 1 AS found FROM memberships m
     JOIN state s ON s.room = m.room AND s.type IN ('m.room.join_rules', 'm.room.history_visibility')
       AND s.state_key = '' AND s.to_so IS NULL
     JOIN events e ON e.so = s.from_so
     WHERE m.user = ? AND m.membership = 'join' AND
       CASE s.type WHEN 'm.room.join_rules' THEN e.pdu ->> '$.content.join_rule' = 'public'
       ELSE e.pdu ->> '$.content.history_visibility' = 'world_readable' END
     LIMIT 1`,
  );

  return {
    search(userId, term, limit) {
      const wanted = fold(term);
      if (wanted === "") return { found: [], limited: false };
      const near = memberships.sharers(userId);
      const profiles = new Map(shownProfiles().map((profile) => [profile.userId, profile]));
      const candidates: Candidate[] = [];
      for (const { name, state } of members.list()) {
        const id = `@${name}:${serverName}`;
        if (state !== "active" || id === userId) continue;
        const profile = profiles.get(id);
        const displayName = profile ? profile.displayName : name;
        const rank = rankOf(wanted, id, name, displayName);
        if (rank === undefined) continue;
        candidates.push({
          userId: id,
          displayName,
          avatarUrl: profile?.avatarUrl,
          rank,
          near: near.has(id),
        });
      }
      candidates.sort(byRank);
      const found: FoundUser[] = [];
      for (const { userId: id, displayName, avatarUrl, near: isNear } of candidates) {
        if (scope === "rooms" && !isNear && !inOpenRoom.get(id)) continue;
        if (found.length === limit) return { found, limited: true };
        found.push({ userId: id, displayName, avatarUrl });
      }
      return { found, limited: false };
    },
  };
}

/** Without case and accents, in the compatible form: `Ⓐda`, `ada` and `Áda` are one. */
export const fold = (text: string): string =>
  text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase().trim();

/**
 * How well it fits, 0 the best: the whole name, its beginning, the beginnings of its words, any part. Undefined: not at
 * all. Each word of the term must be found.
 */
function rankOf(term: string, id: string, name: string, displayName: string | undefined): number | undefined {
  const shown = fold(displayName ?? "");
  if (term === shown || term === name || term === id) return 0;
  if (shown.startsWith(term) || name.startsWith(term) || id.startsWith(term)) return 1;
  // The server's name is in every id: it is meant only by who writes it so.
  const login = term.includes(":") ? id : name;
  const words = term.split(/\s+/u);
  const parts = [...shown.split(/[\s\p{P}]+/u), ...name.split(/[._=/+-]+/)];
  if (words.every((word) => parts.some((part) => part.startsWith(word)))) return 2;
  if (words.every((word) => shown.includes(word) || login.includes(word))) return 3;
  return undefined;
}

function byRank(a: Candidate, b: Candidate): number {
  return (
    a.rank - b.rank ||
    Number(b.near) - Number(a.near) ||
    Number(b.avatarUrl !== undefined) - Number(a.avatarUrl !== undefined) ||
    (a.displayName ?? a.userId).localeCompare(b.displayName ?? b.userId) ||
    a.userId.localeCompare(b.userId)
  );
}

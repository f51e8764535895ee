import type { Database } from "../../../storage/database.ts";

export interface Alias {
  /** What stands before the @, lower case. */
  readonly name: string;
  /** Ids of members. */
  readonly members: readonly number[];
}

/** Further addresses, set by the owner: each is for one member or for several. */
export interface AliasStore {
  /** By name. */
  list(): Alias[];
  membersOf(name: string): number[];
  /** Names of the aliases that are a member's and nobody else's. */
  aloneOf(member: number): string[];
  /** Puts these members in the place of those that it had; without any, it is gone. */
  set(name: string, members: readonly number[]): Promise<void>;
}

export function createAliasStore(database: Database): AliasStore {
  const selectAll = database.prepare<{ name: string; member: number }>(
    "SELECT name, member FROM alias_members ORDER BY name, member",
  );
  const selectMembers = database.prepare<{ member: number }>(
    "SELECT member FROM alias_members WHERE name = ? ORDER BY member",
  );
  const selectAlone = database.prepare<{ name: string }>(
    `SELECT name FROM alias_members AS mine WHERE member = ?1
       AND NOT EXISTS (SELECT 1 FROM alias_members WHERE name = mine.name AND member <> ?1) ORDER BY name`,
  );
  const removeAll = database.prepare("DELETE FROM alias_members WHERE name = ?");
  const insert = database.prepare(
    "INSERT INTO alias_members (name, member) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  return {
    list() {
      const aliases = new Map<string, number[]>();
      for (const { name, member } of selectAll.all()) {
        const members = aliases.get(name);
        if (members) members.push(member);
        else aliases.set(name, [member]);
      }
      return [...aliases].map(([name, members]) => ({ name, members }));
    },
    membersOf: (name) => selectMembers.all(name).map(({ member }) => member),
    aloneOf: (member) => selectAlone.all(member).map(({ name }) => name),
    set: (name, members) =>
      database.write(() => {
        removeAll.run(name);
        for (const member of members) insert.run(name, member);
      }),
  };
}

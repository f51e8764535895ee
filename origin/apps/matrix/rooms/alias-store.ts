import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** The room directory's names: `#local:server` to room. All aliases here are of this server. */
export interface AliasStore {
  find(alias: string): Alias | undefined;
  /** In alphabetical order. */
  ofRoom(room: number): string[];
  /** False when the alias is taken. */
  add(transaction: Transaction, alias: Alias): boolean;
  remove(transaction: Transaction, alias: string): void;
}

export interface Alias {
  readonly alias: string;
  /** rooms.nid */
  readonly room: number;
  readonly creator: string;
}

export function createAliasStore(database: Database): AliasStore {
  const find = database.prepare<Alias>("SELECT alias, room, creator FROM aliases WHERE alias = ?");
  const ofRoom = database.prepare<{ alias: string }>(
    "SELECT alias FROM aliases WHERE room = ? ORDER BY alias",
  );
  const add = database.prepare(
    "INSERT INTO aliases (alias, room, creator) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const remove = database.prepare("DELETE FROM aliases WHERE alias = ?");
  return {
    find: (alias) => find.get(alias),
    ofRoom: (room) => ofRoom.all(room).map((row) => row.alias),
    add: (_transaction, { alias, room, creator }) => add.run(alias, room, creator).changes === 1,
    remove: (_transaction, alias) => void remove.run(alias),
  };
}

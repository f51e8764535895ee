import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";

/** The room directory's names: `#local:server` to room. All aliases here are of this server. */
export interface AliasStore {
  find(alias: string): Alias | undefined;
  /** In alphabetical order. */
  ofRoom(room: number): string[];
  /** False when the alias is taken. */
  add(transaction: Transaction, alias: Alias): boolean;
  /** Lets all aliases of one room name another from now on. */
  move(transaction: Transaction, from: number, to: number): void;
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
  const move = database.prepare("UPDATE aliases SET room = ? WHERE room = ?");
  const remove = database.prepare("DELETE FROM aliases WHERE alias = ?");
  return {
    find: (alias) => find.get(alias),
    ofRoom: (room) => ofRoom.all(room).map((row) => row.alias),
    add: (_transaction, { alias, room, creator }) => add.run(alias, room, creator).changes === 1,
    move: (_transaction, from, to) => void move.run(to, from),
    remove: (_transaction, alias) => void remove.run(alias),
  };
}

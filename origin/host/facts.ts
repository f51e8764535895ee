import type { Database } from "../storage/database.ts";

/** Something found out once and worth knowing later: a yearly question's answer, the key that the edge used last. */
export interface Fact {
  readonly value: string;
  /** Unix milliseconds. */
  readonly notedAt: number;
}

/** From host.db; undefined when nothing was noted by that name. */
export function readFact(database: Database, name: string): Fact | undefined {
  return database.prepare<Fact>("SELECT value, noted_at AS notedAt FROM fact WHERE name = ?").get(name);
}

/** Keeps the newest value of each name. */
export async function noteFact(database: Database, name: string, { value, notedAt }: Fact): Promise<void> {
  const put = database.prepare("INSERT OR REPLACE INTO fact (name, value, noted_at) VALUES (?, ?, ?)");
  await database.write(() => put.run(name, value, notedAt));
}

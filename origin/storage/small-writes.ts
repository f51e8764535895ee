import type { Database } from "./database.ts";
import type { Transaction } from "./writer.ts";

/**
 * Long work in writes of a bounded length, so that others' writes get their turn in between: `work` does a part and
 * says whether there is more. Stops early once `isOver`.
 *
 *     await inSmallWrites(database, () => deleteSome.run(limit).changes === limit);
 */
export async function inSmallWrites(
  database: Pick<Database, "write">,
  work: (transaction: Transaction) => boolean,
  isOver: () => boolean = () => false,
): Promise<void> {
  while (!isOver() && (await database.write(work)));
}

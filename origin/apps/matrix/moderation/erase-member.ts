import { inSmallWrites } from "../../../storage/small-writes.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { MatrixContext } from "../matrix-context.ts";

/** Rows, or rooms, of one write: others must get their turn in between. */
const atATime = 200;

/**
 * Takes away what a member who is erased has left: profile, account data, filters, receipts, subscriptions, files, and
 * what they wrote in reports. Their messages stay for those who could read them (specification §account/deactivate).
 * In small writes, the first of which hides their words; done anew after a kill, each part finds what is left. Stops
 * early, with false, once `isClosed`.
 */
export async function eraseMember(
  matrix: MatrixContext,
  userId: string,
  isClosed: () => boolean,
): Promise<boolean> {
  const { database, media } = matrix;
  await database.write((transaction) => {
    matrix.erasedUsers.add(transaction, userId, matrix.stream.next(transaction));
    matrix.profiles.erase(transaction, userId);
    matrix.filters.erase(transaction, userId);
    matrix.reports.erase(transaction, userId);
    matrix.deviceLists.erase(transaction, userId);
    database.prepare("DELETE FROM server_notices WHERE user = ?").run(userId);
  });
  const rooms = matrix.memberships.everRooms(userId);
  for (let start = 0; start < rooms.length && !isClosed(); start += atATime) {
    const some = rooms.slice(start, start + atATime);
    await database.write((transaction) => matrix.receipts.erase(transaction, userId, some));
  }
  /** Each gives how many it took away. */
  const parts: readonly ((transaction: Transaction) => number)[] = [
    (transaction) => matrix.accountData.erase(transaction, userId, atATime),
    (transaction) => matrix.threadSubscriptions.erase(transaction, userId, atATime),
    () => media.erase(userId, atATime),
  ];
  for (const part of parts) {
    await inSmallWrites(database, (transaction) => part(transaction) === atATime, isClosed);
  }
  if (isClosed()) return false;
  await media.resumable.erase(userId);
  await media.blobs.collect();
  return !isClosed();
}

import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { AccountDataEntry } from "../users/account-data.ts";

/** Account data as an answer shows it. */
export interface AccountDataEvent {
  readonly type: string;
  readonly content: JsonObject;
}

/** What belongs to no room. `whole`: the client has nothing yet. */
export function globalAccountData(
  matrix: MatrixContext,
  userId: string,
  entries: readonly AccountDataEntry[],
  whole: boolean,
): AccountDataEvent[] {
  const events: AccountDataEvent[] = entries
    .filter((entry) => entry.room === 0 && entry.type !== "m.push_rules")
    .map(({ type, content }) => ({ type, content }));
  // The rules in force are the predefined ones with the member's changes: there from the first day.
  if (whole || entries.some((entry) => entry.room === 0 && entry.type === "m.push_rules")) {
    events.push({ type: "m.push_rules", content: matrix.userRules.ruleSetJson(userId) });
  }
  return events;
}

/** The rooms' own parts, by nid. */
export function accountDataByRoom(entries: readonly AccountDataEntry[]): Map<number, AccountDataEntry[]> {
  const rooms = new Map<number, AccountDataEntry[]>();
  for (const entry of entries) {
    if (entry.room === 0) continue;
    const list = rooms.get(entry.room);
    if (list) list.push(entry);
    else rooms.set(entry.room, [entry]);
  }
  return rooms;
}

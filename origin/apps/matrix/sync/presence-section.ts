import type { MatrixContext } from "../matrix-context.ts";
import { presenceContent } from "../users/presence.ts";
import type { SyncRequest } from "./sync-request.ts";

/**
 * The `m.presence` events of an answer: at first of everyone there with whom the user shares a room, then of those
 * whose presence changed, and of everyone who has come into one of the user's rooms.
 */
export function presenceEvents(matrix: MatrixContext, request: SyncRequest): readonly object[] {
  const { userId, since, filter } = request;
  const { presence, memberships, accountData } = matrix;
  const changed = since ? presence.changedSince(since.typing) : [...presence.known()];
  const met = since ? memberships.joinedSince(userId, since.so) : [];
  const ignored = accountData.ignored(userId);
  const told = new Set(changed);
  const events: object[] = [];
  for (const sender of new Set([...changed, ...met])) {
    if (ignored.has(sender)) continue;
    const status = presence.statusOf(sender);
    // Whoever is not there is news only to those who may have seen them there.
    if (!status || (status.state === "offline" && !(since && told.has(sender)))) continue;
    if (sender !== userId && !memberships.shareRoom(userId, sender)) continue;
    const event = { type: "m.presence", sender, content: presenceContent(status) };
    if (filter.presence.matches(event)) events.push(event);
  }
  return events;
}

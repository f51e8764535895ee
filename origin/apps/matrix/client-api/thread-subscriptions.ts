import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, MatrixError, notFound } from "../matrix-error.ts";
import { showThreadChanges } from "../push/thread-subscriptions.ts";
import { relationOf } from "../rooms/append.ts";
import type { Room } from "../rooms/room.ts";
import type { Answer, Call, Route } from "../route.ts";
import { formatToken, parseToken } from "../sync/position.ts";
import { optionalString, queryCount } from "./read-body.ts";
import { openEvent } from "./rooms.ts";

const largestPage = 512;
const usualPage = 100;

const withEvent = ({ requester, params }: Call, eventId: string): Pick<Call, "requester" | "params"> => ({
  requester,
  params: { ...params, eventId },
});

/** MSC4306 (subscriptions to threads) and the companion endpoint of MSC4308 (what changed about them). */
export function threadSubscriptionsRoutes(matrix: MatrixContext): Route[] {
  const { database, threadSubscriptions } = matrix;

  /** The thread of the path, whose root the requester may read; 404 M_NOT_FOUND otherwise. */
  function thread(call: Call): { room: Room; root: string } {
    const eventId = call.params["threadRoot"] ?? "";
    if (!eventId.startsWith("$")) throw invalidParam(`${eventId} is not an event id.`);
    const { opened, event } = openEvent(matrix, withEvent(call, eventId));
    return { room: opened.room, root: event.eventId };
  }

  function get(call: Call): Answer {
    const { room, root } = thread(call);
    const subscription = threadSubscriptions.get(call.requester.userId, room, root);
    if (!subscription) throw notFound("You are not subscribed to this thread.");
    return subscription;
  }

  async function put(call: Call): Promise<Answer> {
    const cause = optionalString(await call.json({ mayBeEmpty: true }), "automatic");
    await database.write((transaction) => {
      const { room, root } = thread(call);
      threadSubscriptions.subscribe(
        transaction,
        call.requester.userId,
        room,
        root,
        cause === undefined ? undefined : causedAt(call, root, cause),
      );
    });
    return {};
  }

  /** Where the event stands because of which a client subscribes. */
  function causedAt(call: Call, root: string, eventId: string): number {
    const { event } = openEvent(matrix, withEvent(call, eventId));
    const relation = relationOf(event.pdu);
    if (relation?.relType !== "m.thread" || relation.eventId !== root) {
      throw new MatrixError(
        400,
        "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD",
        "The event in automatic is not in this thread.",
      );
    }
    return event.so;
  }

  async function remove(call: Call): Promise<Answer> {
    await database.write((transaction) => {
      const { room, root } = thread(call);
      threadSubscriptions.unsubscribe(transaction, call.requester.userId, room, root);
    });
    return {};
  }

  function list(call: Call): Answer {
    const { query } = call;
    if (query.get("dir") !== "b") throw invalidParam("dir must be b: changes are paged backwards only.");
    const limit = queryCount(query, "limit", usualPage, largestPage);
    if (limit === 0) throw invalidParam("limit must be 1 or more.");
    const from = query.get("from");
    const to = query.get("to");
    const { changes, more } = threadSubscriptions.changesSince(
      call.requester.userId,
      // A pos of sliding sync stands in for a token: behind the ~ is what only its connection needs.
      to === null ? 0 : parseToken(to.replace(/~.*$/, "")).so,
      from === null ? matrix.stream.current() : parseToken(from).so,
      limit,
    );
    const last = changes.at(-1);
    return { ...showThreadChanges(changes), ...(more && last && { end: formatToken({ so: last.so - 1 }) }) };
  }

  const one = "/_matrix/client/unstable/io.element.msc4306/rooms/:roomId/thread/:threadRoot/subscription";
  return [
    { method: "GET", path: one, access: "member", handle: get },
    { method: "PUT", path: one, access: "reading", handle: put },
    { method: "DELETE", path: one, access: "reading", handle: remove },
    {
      method: "GET",
      path: "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions",
      access: "member",
      handle: list,
    },
  ];
}

import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam } from "../matrix-error.ts";
import { type Answer, type Call, type Route, sessionOf } from "../route.ts";
import { toBody } from "../sliding-sync/dialect.ts";
import { createLongPoll } from "../sliding-sync/long-poll.ts";
import { type Envelope, parseRequest } from "../sliding-sync/parse-request.ts";
import type { Dialect, SlidingSyncRequest } from "../sliding-sync/request.ts";
import { createSlidingSync } from "../sliding-sync/sliding-sync.ts";
import { longestWait } from "../sync/long-poll.ts";
import { optionalInteger, optionalString, queryCount } from "./read-body.ts";

/** Simplified sliding sync (MSC4186): as it was accepted, and as today's clients speak it. */
export function slidingSyncRoutes(matrix: MatrixContext): Route[] {
  const longPoll = createLongPoll(matrix, createSlidingSync(matrix));

  async function sync(call: Call, dialect: Dialect): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const body = await call.json({ mayBeEmpty: true });
    const envelope = dialect === "unstable" ? envelopeOfQuery(call.query) : envelopeOfBody(body);
    const request = parseRequest(dialect, userId, body, envelope);
    const key = { userId, deviceId, connId: request.connId };
    const { connection, sent } = request.pos
      ? matrix.slidingConnections.resume(key, request.pos)
      : matrix.slidingConnections.open(key);
    acknowledge(matrix, call, request);
    const leave = matrix.presence.enter(userId, deviceId, request.presence);
    try {
      const answer = await longPoll({
        turn: { userId, deviceId, request, connection, sent },
        signal: call.signal,
        checkSession: () => sessionOf(matrix.members, call.request),
      });
      return toBody(answer, request);
    } finally {
      leave();
    }
  }

  const unstable = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
  return [
    { method: "POST", path: unstable, access: "reading", handle: (call) => sync(call, "unstable") },
    {
      method: "POST",
      path: "/_matrix/client/v4/sync",
      access: "reading",
      handle: (call) => sync(call, "accepted"),
    },
  ];
}

/** The client has shown that it holds these messages; it need not wait for their removal. */
function acknowledge(matrix: MatrixContext, call: Call, { extensions }: SlidingSyncRequest): void {
  const since = extensions.toDevice?.since;
  // One of the time before a restore says nothing of today's messages.
  if (since === undefined || since > matrix.stream.current() || matrix.stream.isLost(since)) return;
  const { userId, deviceId } = call.requester;
  matrix.toDevice.acknowledge(userId, deviceId, since).catch((error: unknown) => {
    matrix.log.warn("matrix.to-device.acknowledge.failed", { error });
  });
}

const envelopeOfQuery = (query: URLSearchParams): Envelope => ({
  pos: query.get("pos") ?? undefined,
  timeout: queryCount(query, "timeout", 0, longestWait),
  setPresence: query.get("set_presence") ?? undefined,
});

function envelopeOfBody(body: JsonObject): Envelope {
  const timeout = optionalInteger(body, "timeout") ?? 0;
  if (timeout < 0) throw invalidParam("timeout must be 0 or more.");
  return {
    pos: optionalString(body, "pos"),
    timeout: Math.min(timeout, longestWait),
    setPresence: optionalString(body, "set_presence"),
  };
}

import { stringifyInTurns } from "../../../host/turns.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import { type Call, type Route, sessionOf } from "../route.ts";
import { type Filter, parseFilter } from "../sync/filter.ts";
import { createLongPoll, longestWait } from "../sync/long-poll.ts";
import { parseToken } from "../sync/position.ts";
import type { StateKey } from "../sync/sync-request.ts";
import { createSync } from "../sync/sync.ts";
import { readPresenceState } from "./presence.ts";
import { queryCount, queryFlag } from "./read-body.ts";

const everything: Filter = parseFilter({});

export function syncRoutes(matrix: MatrixContext): Route[] {
  const longPoll = createLongPoll(matrix, createSync(matrix));

  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/sync",
      access: "member",
      async handle(call) {
        const { query, requester } = call;
        const { userId, deviceId } = requester;
        const token = query.get("since");
        const since = token === null || token === "" ? undefined : parseToken(token);
        const timeout = queryCount(query, "timeout", 0, longestWait);
        const presence = readPresenceState(query.get("set_presence") || "online", "set_presence");
        const sync = {
          userId,
          deviceId,
          since,
          filter: readFilter(matrix, call),
          fullState: queryFlag(query, "full_state"),
          stateKey: readStateKey(query),
        };
        if (since && since.so <= matrix.stream.current()) {
          // The client has shown that it holds these; it need not wait for their removal.
          matrix.toDevice
            .acknowledge(userId, deviceId, since.toDevice ?? since.so)
            .catch((error: unknown) => {
              matrix.log.warn("matrix.to-device.acknowledge.failed", { error });
            });
        }
        const leave = matrix.presence.enter(userId, deviceId, presence);
        try {
          const answer = await longPoll({
            sync,
            timeout,
            signal: call.signal,
            checkSession: () => sessionOf(matrix.members, call.request),
          });
          if (since && !sync.fullState) return answer;
          // Some MB for whoever is in many rooms. Down to each room: { rooms: { join: { id: … } } }.
          const text = await stringifyInTurns(answer, 3);
          return new Response(text, { headers: { "content-type": "application/json" } });
        } finally {
          leave();
        }
      },
    },
  ];
}

/** An id of a stored filter, or the filter itself: told apart by the first character. */
function readFilter(matrix: MatrixContext, call: Call): Filter {
  const text = call.query.get("filter");
  if (text === null || text === "") return everything;
  if (!text.startsWith("{")) {
    const stored = matrix.filters.get(call.requester.userId, text);
    if (!stored) throw notFound("You have no filter of that id: store it again.");
    return stored;
  }
  let definition: unknown;
  try {
    definition = JSON.parse(text);
  } catch {
    throw invalidParam("filter is neither the id of a filter nor valid JSON.");
  }
  return parseFilter(definition);
}

/** Clients of before v1.16 ask by the proposal's name, and look for the answer under it. */
function readStateKey(query: URLSearchParams): StateKey {
  if (queryFlag(query, "use_state_after")) return "state_after";
  const unstable = "org.matrix.msc4222";
  return queryFlag(query, `${unstable}.use_state_after`) ? `${unstable}.state_after` : "state";
}

import type { JsonObject } from "../events/event.ts";
import { notFound } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { resolveRoom } from "../rooms/aliases.ts";
import { maySeeSummary, summariseRoom } from "../rooms/describe-room.ts";
import { membershipOf } from "../rooms/room.ts";
import type { Call, Route } from "../route.ts";

/**
 * What somebody may know of a room before joining it. Members only, though the specification lets servers answer
 * everyone (M3). The two older paths are what clients ask for where a server names no version from 1.15 on (MSC3266).
 */
export function roomSummaryRoutes(matrix: MatrixContext): Route[] {
  function summary(call: Call): JsonObject {
    const { userId } = call.requester;
    const room = matrix.rooms.get(resolveRoom(matrix, call.params["roomIdOrAlias"] ?? ""));
    // The same for a room that there is not and for one that is none of the requester's business.
    if (!room || !maySeeSummary(matrix, room, userId)) throw notFound("There is no such room.");
    return { ...summariseRoom(room), membership: membershipOf(room, userId) ?? "leave" };
  }

  function unstableSummary(call: Call): JsonObject {
    const found = summary(call);
    return {
      ...found,
      ...(found["room_version"] !== undefined && {
        "im.nheko.summary.room_version": found["room_version"],
        "im.nheko.summary.version": found["room_version"],
      }),
      ...(found["encryption"] !== undefined && { "im.nheko.summary.encryption": found["encryption"] }),
    };
  }

  const unstable = "/_matrix/client/unstable/im.nheko.summary";
  const routes: [path: string, handle: Route["handle"]][] = [
    ["/_matrix/client/v1/room_summary/:roomIdOrAlias", summary],
    [`${unstable}/summary/:roomIdOrAlias`, unstableSummary],
    [`${unstable}/rooms/:roomIdOrAlias/summary`, unstableSummary],
  ];
  return routes.map(([path, handle]) => ({ method: "GET", path, access: "member", handle }));
}

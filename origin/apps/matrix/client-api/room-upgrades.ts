import type { JsonObject } from "../events/event.ts";
import { isUserId } from "../events/identifiers.ts";
import type { RoomVersion } from "../events/room-version.ts";
import { badJson } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { upgradeRoom } from "../rooms/upgrade-room.ts";
import type { Route } from "../route.ts";
import { findVersion } from "./create-room.ts";
import { optionalArray, requireString } from "./read-body.ts";

export function roomUpgradesRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/rooms/:roomId/upgrade",
      access: "member",
      limit: "rooms",
      handle: async (call) => {
        const body = await call.json();
        const version = findVersion(requireString(body, "new_version"));
        const request = {
          roomId: call.params["roomId"] ?? "",
          userId: call.requester.userId,
          version,
          additionalCreators: readCreators(body, version),
        };
        return matrix.database.write((transaction) => ({
          replacement_room: upgradeRoom(matrix, transaction, request).roomId,
        }));
      },
    },
  ];
}

/** Ignored where the version knows no such creators. */
function readCreators(body: JsonObject, version: RoomVersion): string[] {
  if (!version.privilegedCreators) return [];
  const creators = optionalArray(body, "additional_creators") ?? [];
  if (!creators.every(isUserId)) throw badJson("additional_creators must be a list of user ids.");
  return creators as string[];
}

import { notFound } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** Nobody has a backup of keys yet. Without this very code clients ask again at every message they cannot read. */
export function keyBackupRoutes(): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/room_keys/version",
      access: "member",
      handle: () => {
        throw notFound("You have no backup of your keys.");
      },
    },
  ];
}

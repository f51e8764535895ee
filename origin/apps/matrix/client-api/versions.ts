import { unrecognised } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/**
 * Clients pick features by finding the exact version here, so every one is named. docs/matrix.md has each operation of
 * 1.19; what is refused there is optional by the specification, as OAuth is.
 */
const versions = Array.from({ length: 19 }, (_, index) => `v1.${index + 1}`);

/** Parts that are later than that and here already, under the names that clients look for. */
const unstableFeatures = {
  // Simplified sliding sync: Element X signs in to no server without it
  "org.matrix.simplified_msc3575": true,
  // state_after in /sync, stable since 1.16
  "org.matrix.msc4222": true,
  // rel_types in filters
  "org.matrix.msc3874": true,
  // Profile fields of one's own on the stable path, since 1.16
  "uk.tcpip.msc4133.stable": true,
  // Thread subscriptions, not stable yet
  "org.matrix.msc4306": true,
  // DELETE of account data
  "org.matrix.msc3391": true,
  // Delayed events, and how calls travel
  "org.matrix.msc4140": true,
  "org.matrix.msc4143": true,
  // Whose invitations one wants, the second stable since 1.18
  "org.matrix.msc4155": true,
  "org.matrix.msc4380.stable": true,
  // Dehydrated devices, not stable yet
  "org.matrix.msc3814": true,
  // GET /v1/room_summary, stable since 1.15
  "org.matrix.msc3266": true,
  // Rooms shared with another user, stable since 1.19; clients take the unstable path
  "uk.half-shot.msc2666.query_mutual_rooms": true,
};

export function versionsRoutes(): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/versions",
      access: "public",
      handle: () => ({ versions, unstable_features: unstableFeatures }),
    },
    {
      // Not federation (there is none): the one place where clients look for what software this is.
      method: "GET",
      path: "/_matrix/federation/v1/version",
      access: "public",
      handle: () => ({ server: { name: "Burrow", version: "0.1.0" } }),
    },
    // There are no keys of servers (M1). In the table so that another method is told from another path.
    ...(["GET", "POST"] as const).map(
      (method): Route => ({
        method,
        path: "/_matrix/key/v2/query",
        access: "public",
        handle: () => {
          throw unrecognised();
        },
      }),
    ),
  ];
}

import { roomVersions } from "../events/room-version.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { longestDelay, mostWaiting } from "../rooms/delayed-events.ts";
import type { Route } from "../route.ts";

/** §m.account_moderation: said to those who may. */
const ownersCapabilities = { "m.account_moderation": { suspend: true, lock: true } };

export function capabilitiesRoutes(matrix: MatrixContext): Route[] {
  const capabilities = {
    "m.change_password": { enabled: true },
    "m.room_versions": {
      default: matrix.config.matrix.defaultRoomVersion,
      available: Object.fromEntries(
        [...roomVersions.values()].map(({ id, isStable }) => [id, isStable ? "stable" : "unstable"]),
      ),
    },
    "m.profile_fields": { enabled: true },
    // Absent means true for these five: what is not possible must be said.
    "m.set_displayname": { enabled: true },
    "m.set_avatar_url": { enabled: true },
    "m.3pid_changes": { enabled: false },
    "m.get_login_token": { enabled: true },
    "m.forget_forced_upon_leave": { enabled: false },
    "org.matrix.msc4140.delayed_events": { max_delay_ms: longestDelay, max_scheduled: mostWaiting },
  };
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/capabilities",
      access: "member",
      handle: ({ requester }) => ({
        capabilities: requester.owner ? { ...capabilities, ...ownersCapabilities } : capabilities,
      }),
    },
  ];
}

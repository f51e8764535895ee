import type { MatrixContext } from "../matrix-context.ts";
import { inviteToRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { membershipRoute } from "./membership-route.ts";

/** §Third-party invites, which come to the same path without a `user_id`, are refused: there is nobody to verify them. */
export const invitingRoutes = (matrix: MatrixContext): Route[] => [
  membershipRoute(matrix, "invite", inviteToRoom),
];

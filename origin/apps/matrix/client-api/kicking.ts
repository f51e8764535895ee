import type { MatrixContext } from "../matrix-context.ts";
import { kickFromRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { membershipRoute } from "./membership-route.ts";

export const kickingRoutes = (matrix: MatrixContext): Route[] => [
  membershipRoute(matrix, "kick", kickFromRoom),
];

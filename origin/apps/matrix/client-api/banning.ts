import type { MatrixContext } from "../matrix-context.ts";
import { banFromRoom, unbanFromRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { membershipRoute } from "./membership-route.ts";

export const banningRoutes = (matrix: MatrixContext): Route[] => [
  membershipRoute(matrix, "ban", banFromRoom),
  membershipRoute(matrix, "unban", unbanFromRoom),
];

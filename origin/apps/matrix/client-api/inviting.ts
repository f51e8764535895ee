import { MatrixError } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { inviteToRoom } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { membershipRoute } from "./membership-route.ts";

/** §Third-party invites, which come to the same path without a `user_id`, are refused: there is nobody to verify them. */
export const invitingRoutes = (matrix: MatrixContext): Route[] => [
  membershipRoute(matrix, "invite", inviteToRoom, (body) => {
    if (body["user_id"] === undefined && ("medium" in body || "address" in body)) throw noThirdPartyInvites();
  }),
];

export const noThirdPartyInvites = (): MatrixError =>
  new MatrixError(
    403,
    "M_THREEPID_DENIED",
    "This server knows no invitations by e-mail address or telephone number: invite people by their user ids.",
  );

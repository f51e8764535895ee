import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Honeypot } from "../../../gate/honeypot/honeypot.ts";
import type { KeyScope } from "../../../members/keys/key-scopes.ts";
import { MembersError } from "../../../members/members.ts";
import type { Route } from "../route.ts";
import { inviteRoutes } from "./invites.ts";
import { jobRoutes } from "./jobs.ts";
import { memberRoutes } from "./members.ts";
import { noticeRoutes } from "./notices.ts";
import type { OwnersOperation } from "./operation.ts";
import { reportRoutes } from "./reports.ts";
import { roomRoutes } from "./rooms.ts";
import { securityRoutes } from "./security.ts";
import { statisticsRoutes } from "./statistics.ts";

/** Of an API key of the owner: each opens the operation. */
const scopesFor = (method: Route["method"]): readonly KeyScope[] =>
  method === "GET" ? ["admin:read", "admin:write"] : ["admin:write"];

/**
 * The owner's API (docs/admin-api.md): JSON, for an owner's access token or API key, or a ticket of the command line,
 * and closed to pages of other origins. What takes long is a job.
 */
export function adminApiRoutes(
  matrix: MatrixContext,
  following: FollowMembers,
  honeypot: Honeypot | undefined,
): Route[] {
  const operations: readonly OwnersOperation[] = [
    ...memberRoutes(matrix, following),
    ...inviteRoutes(matrix),
    ...roomRoutes(matrix),
    ...noticeRoutes(matrix),
    ...reportRoutes(matrix),
    ...jobRoutes(matrix),
    ...statisticsRoutes(matrix),
    ...securityRoutes(honeypot, matrix.now),
  ];
  return operations.map(({ method, path, noKey, handle }) => ({
    method,
    path: `/_burrow/admin/v1${path}`,
    access: "owner",
    keyScopes: noKey ? [] : scopesFor(method),
    handle: async (call) => {
      try {
        return await handle(call);
      } catch (error) {
        throw error instanceof MembersError ? asOwnersError(error) : error;
      }
    },
  }));
}

/** The refusals of the members' domain, as this API tells them. */
function asOwnersError(error: MembersError): MembersError | MatrixError {
  switch (error.code) {
    case "busy":
      return error;
    case "unknown-member":
      return new MatrixError(404, "M_NOT_FOUND", error.message);
    case "owner-protected":
    case "not-claimed":
      return new MatrixError(403, "M_FORBIDDEN", error.message);
    case "name-taken":
      return new MatrixError(409, "M_USER_IN_USE", error.message);
    case "password-weak":
      return new MatrixError(400, "M_WEAK_PASSWORD", error.message);
    default:
      return new MatrixError(400, "M_INVALID_PARAM", error.message);
  }
}

import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { Answer, Call, Route } from "../route.ts";

/** Ends the device with its keys and queue, not only the token (specification §Logout). */
export function logoutRoutes(matrix: MatrixContext, following: FollowMembers): Route[] {
  async function logout(call: Call): Promise<Answer> {
    await matrix.members.endSession(call.requester.memberId, call.requester.deviceId);
    await following.settle();
    return {};
  }

  async function logoutAll(call: Call): Promise<Answer> {
    await matrix.members.endSessions(call.requester.memberId);
    await following.settle();
    return {};
  }

  return [
    { method: "POST", path: "/_matrix/client/v3/logout", access: "leaving", handle: logout },
    { method: "POST", path: "/_matrix/client/v3/logout/all", access: "leaving", handle: logoutAll },
  ];
}

import { MembersError } from "../../../members/members.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { MatrixError, missingParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { passwordStage, type Uia } from "../uia.ts";
import { optionalBoolean, optionalString } from "./read-body.ts";

export function passwordManagementRoutes(matrix: MatrixContext, uia: Uia, following: FollowMembers): Route[] {
  async function changePassword(call: Call): Promise<Answer> {
    const { memberId, deviceId } = call.requester;
    const body = await call.json({ mayBeEmpty: true });
    const newPassword = optionalString(body, "new_password");
    const logoutDevices = optionalBoolean(body, "logout_devices") ?? true;
    const challenge = await uia(call, body, passwordStage(matrix, call));
    if (challenge) return challenge;
    if (newPassword === undefined) throw missingParam("new_password is missing.");
    try {
      // Not the device that asks (specification §POST /account/password).
      const kept = logoutDevices ? { onlyDevice: deviceId } : "all";
      await matrix.members.changePassword(memberId, newPassword, kept);
    } catch (error) {
      if (!(error instanceof MembersError && error.code === "password-weak")) throw error;
      throw new MatrixError(400, "M_WEAK_PASSWORD", error.message);
    }
    await following.settle();
    return {};
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/account/password",
      access: "reading",
      limit: "login",
      handle: changePassword,
    },
  ];
}

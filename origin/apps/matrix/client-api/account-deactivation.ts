import { optionalBoolean } from "./read-body.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { passwordStage, type Uia } from "../uia.ts";

export function accountDeactivationRoutes(
  matrix: MatrixContext,
  uia: Uia,
  following: FollowMembers,
): Route[] {
  async function deactivate(call: Call): Promise<Answer> {
    const { memberId } = call.requester;
    if (matrix.members.get(memberId)?.role === "owner") {
      throw forbidden("The owner's account cannot be deactivated: nobody could run this server any more.");
    }
    const body = await call.json({ mayBeEmpty: true });
    const erase = optionalBoolean(body, "erase") ?? false;
    const challenge = await uia(call, body, passwordStage(matrix, call));
    if (challenge) return challenge;
    await matrix.members.deactivate(memberId, { erase });
    await following.settle();
    // No addresses are kept here, hence none had to be unbound.
    return { id_server_unbind_result: "success" };
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/account/deactivate",
      access: "reading",
      limit: "login",
      handle: deactivate,
    },
  ];
}

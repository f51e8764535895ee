import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import type { MembershipAct } from "../rooms/membership.ts";
import type { Route } from "../route.ts";
import { optionalString, requireString } from "./read-body.ts";

/**
 * `POST /rooms/{roomId}/<name>` with a `user_id` and perhaps a `reason`: what /invite, /kick, /ban and /unban share.
 * `check` may throw at the body first.
 */
export function membershipRoute(
  matrix: MatrixContext,
  name: string,
  act: (matrix: MatrixContext, transaction: Transaction, request: MembershipAct) => void,
  check: (body: JsonObject) => void = () => {},
): Route {
  return {
    method: "POST",
    path: `/_matrix/client/v3/rooms/:roomId/${name}`,
    access: "member",
    ...(name === "invite" && { limit: "invites" }),
    handle: async (call) => {
      const body = await call.json();
      check(body);
      const request: MembershipAct = {
        roomId: call.params["roomId"] ?? "",
        sender: call.requester.userId,
        target: requireString(body, "user_id"),
        reason: optionalString(body, "reason"),
      };
      await matrix.database.write((transaction) => act(matrix, transaction, request));
      return {};
    },
  };
}

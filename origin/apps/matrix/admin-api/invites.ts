import type { Invite } from "../../../members/members.ts";
import { optionalInteger, optionalString } from "../client-api/read-body.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import { idOf, isoTime, type OwnersOperation } from "./operation.ts";

const week = 7 * 24 * 60 * 60;

/** Invites into the server (row M2). A token is shown once, when it is made. */
export function inviteRoutes({ members, config }: MatrixContext): OwnersOperation[] {
  return [
    {
      method: "GET",
      path: "/invites",
      handle: () => ({ invites: members.listInvites().map(describe) }),
    },
    {
      method: "POST",
      path: "/invites",
      async handle(call) {
        const body = await call.json({ mayBeEmpty: true });
        const invite = await members.createInvite({
          name: optionalString(body, "name") ?? "",
          uses: optionalInteger(body, "uses") ?? 1,
          expiresInMs: (optionalInteger(body, "expires_in_seconds") ?? week) * 1000,
          createdBy: call.requester.memberId,
        });
        return {
          ...describe(invite),
          token: invite.token,
          url: `${config.publicUrl}/invite#${invite.token}`,
        };
      },
    },
    {
      method: "DELETE",
      path: "/invites/:id",
      async handle(call) {
        if (!(await members.revokeInvite(idOf(call)))) throw notFound("There is no open invite of this id.");
        return {};
      },
    },
  ];
}

const describe = (invite: Invite) => ({
  id: invite.id,
  name: invite.name,
  uses: invite.uses,
  uses_allowed: invite.usesAllowed,
  created_at: isoTime(invite.createdAt),
  expires_at: isoTime(invite.expiresAt),
  revoked_at: isoTime(invite.revokedAt),
});

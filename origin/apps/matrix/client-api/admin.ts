import type { Member } from "../../../members/members.ts";
import { localpartOf, type MatrixContext, userIdOf } from "../matrix-context.ts";
import { forbidden, invalidParam, missingParam, notFound } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { localMember } from "../users/local-member.ts";
import { optionalBoolean } from "./read-body.ts";

/** Specification §Server administration: what owners may ask of other people's accounts, whatever their client. */
export function adminRoutes(matrix: MatrixContext): Route[] {
  const { members, config } = matrix;
  const find = (userId: string): Member | undefined =>
    localMember({ members, serverName: config.serverName }, userId);

  function whois(call: Call): Answer {
    const userId = call.params["userId"] ?? "";
    const { requester } = call;
    if (!requester.owner && userId !== requester.userId) {
      throw forbidden("You can only look up your own account.");
    }
    const member = find(userId);
    if (!member) throw notFound("There is no such account here.");
    const devices = members.devices(member.id).map(({ deviceId, lastSeenAt, lastSeenAddress }) => [
      deviceId,
      {
        sessions: [
          {
            connections: [
              {
                ...(lastSeenAddress !== null && { ip: lastSeenAddress }),
                ...(lastSeenAt !== null && { last_seen: lastSeenAt }),
              },
            ],
          },
        ],
      },
    ]);
    return { user_id: userIdOf(matrix, member.name), devices: Object.fromEntries(devices) };
  }

  /** The account that an owner may suspend and lock: of a member, and open. */
  function subjectOf(call: Call): Member {
    const userId = call.params["userId"] ?? "";
    if (localpartOf(matrix, userId) === undefined) throw invalidParam("This user is not of this server.");
    const member = find(userId);
    if (!member || member.state === "deactivated") throw notFound("There is no such account here.");
    if (member.role === "owner") throw forbidden("An owner's account can be neither suspended nor locked.");
    return member;
  }

  const isSuspended = (member: Member): boolean => member.state === "suspended";
  const isLocked = (member: Member): boolean => member.lockedAt !== null;

  /** `GET` and `PUT` of one mark of an account. */
  const mark = (
    name: "suspend" | "lock",
    key: "suspended" | "locked",
    read: (member: Member) => boolean,
    set: (memberId: number, wanted: boolean) => Promise<void>,
  ): Route[] => {
    const path = `/_matrix/client/v1/admin/${name}/:userId`;
    return [
      { method: "GET", path, access: "owner", handle: (call) => ({ [key]: read(subjectOf(call)) }) },
      {
        method: "PUT",
        path,
        access: "owner",
        async handle(call) {
          const wanted = optionalBoolean(await call.json(), key);
          const { id } = subjectOf(call);
          if (wanted === undefined) throw missingParam(`${key} is missing.`);
          await set(id, wanted);
          return { [key]: wanted };
        },
      },
    ];
  };

  return [
    { method: "GET", path: "/_matrix/client/v3/admin/whois/:userId", access: "member", handle: whois },
    ...mark("suspend", "suspended", isSuspended, (id, wanted) =>
      wanted ? members.suspend(id) : members.unsuspend(id),
    ),
    ...mark("lock", "locked", isLocked, (id, wanted) => (wanted ? members.lock(id) : members.unlock(id))),
  ];
}

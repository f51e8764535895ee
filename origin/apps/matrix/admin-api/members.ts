import { makePassword } from "../../../members/make-password.ts";
import type { Member } from "../../../members/members.ts";
import { optionalBoolean, optionalString, queryCount, requireString } from "../client-api/read-body.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import { type MatrixContext, userIdOf } from "../matrix-context.ts";
import { missingParam, notFound } from "../matrix-error.ts";
import type { Answer, Call } from "../route.ts";
import { isoTime, largestPage, type OwnersOperation, queryWord, usualPage } from "./operation.ts";
import { describeJob } from "./jobs.ts";

/** Accounts and their devices. A member is named by the localpart. */
export function memberRoutes(matrix: MatrixContext, following: FollowMembers): OwnersOperation[] {
  const { members } = matrix;

  const describe = (member: Member, presence?: { devices: number; lastSeenAt: number | null }) => ({
    name: member.name,
    user_id: userIdOf(matrix, member.name),
    role: member.role,
    state: member.state,
    locked: member.lockedAt !== null,
    created_at: isoTime(member.createdAt),
    devices: presence?.devices ?? 0,
    last_seen_at: isoTime(presence?.lastSeenAt ?? null),
  });
  const describeOne = (member: Member) => describe(member, members.presences().get(member.id));

  function memberOf(call: Call): Member {
    const member = members.find(call.params["name"] ?? "");
    if (!member) throw notFound("There is no such member.");
    return member;
  }

  const after = (member: Member): object => describeOne(members.get(member.id) ?? member);

  function list(call: Call): Answer {
    const search = call.query.get("search")?.toLowerCase() ?? "";
    const state = queryWord(call, "state", "all", "active", "suspended", "locked", "deactivated");
    const limit = queryCount(call.query, "limit", usualPage, largestPage);
    const offset = queryCount(call.query, "from", 0, Number.MAX_SAFE_INTEGER);
    const found = members
      .list()
      .filter((member) => member.name.includes(search))
      .filter(
        (member) =>
          state === "all" || (state === "locked" ? member.lockedAt !== null : member.state === state),
      );
    const presences = members.presences();
    return {
      members: found
        .slice(offset, offset + limit)
        .map((member) => describe(member, presences.get(member.id))),
      total: found.length,
      ...(offset + limit < found.length && { next: offset + limit }),
    };
  }

  async function create(call: Call): Promise<Answer> {
    const body = await call.json();
    const given = optionalString(body, "password");
    const password = given ?? makePassword();
    const member = await members.createAccount({ name: requireString(body, "name"), password });
    return { ...describeOne(member), ...(given === undefined && { password }) };
  }

  async function resetPassword(call: Call): Promise<Answer> {
    const member = memberOf(call);
    const given = optionalString(await call.json({ mayBeEmpty: true }), "password");
    const password = given ?? makePassword();
    const signedOut = await members.changePassword(member.id, password, "none");
    await following.settle();
    return { signed_out: signedOut, ...(given === undefined && { password }) };
  }

  const mark =
    (key: string, set: (id: number, wanted: boolean) => Promise<void>) =>
    async (call: Call): Promise<Answer> => {
      const member = memberOf(call);
      const wanted = optionalBoolean(await call.json(), key);
      if (wanted === undefined) throw missingParam(`${key} is missing.`);
      await set(member.id, wanted);
      return after(member);
    };

  async function signOut(call: Call): Promise<Answer> {
    const { id } = memberOf(call);
    const devices = await members.endSessions(id);
    const browsers = await members.webSessions.endAll(id);
    await following.settle();
    return { signed_out: devices + browsers };
  }

  async function deactivate(call: Call): Promise<Answer> {
    const member = memberOf(call);
    const erase = optionalBoolean(await call.json({ mayBeEmpty: true }), "erase") ?? false;
    await members.deactivate(member.id, { erase });
    await following.settle();
    return after(member);
  }

  function listDevices(call: Call): Answer {
    return {
      devices: members.devices(memberOf(call).id).map((device) => ({
        device_id: device.deviceId,
        display_name: device.displayName,
        last_seen_at: isoTime(device.lastSeenAt),
        last_seen_address: device.lastSeenAddress,
      })),
    };
  }

  async function kickDevice(call: Call): Promise<Answer> {
    if (!(await members.endSession(memberOf(call).id, call.params["deviceId"] ?? ""))) {
      throw notFound("The member has no such device.");
    }
    await following.settle();
    return {};
  }

  async function redact(call: Call): Promise<Answer> {
    const member = memberOf(call);
    const body = await call.json({ mayBeEmpty: true });
    const room = optionalString(body, "room_id");
    const reason = optionalString(body, "reason");
    if (room !== undefined && !matrix.rooms.get(room)) throw notFound("There is no such room.");
    const job = await matrix.database.write((transaction) =>
      matrix.jobs.add(transaction, {
        kind: "redact-member",
        arguments: {
          user_id: userIdOf(matrix, member.name),
          ...(room !== undefined && { room_id: room }),
          ...(reason !== undefined && { reason }),
        },
        by: call.requester.userId,
      }),
    );
    return { job: describeJob(job) };
  }

  const one = "/members/:name";
  return [
    { method: "GET", path: "/members", handle: list },
    { method: "POST", path: "/members", handle: create },
    { method: "GET", path: one, handle: (call) => describeOne(memberOf(call)) },
    { method: "POST", path: `${one}/password`, noKey: true, handle: resetPassword },
    {
      method: "PUT",
      path: `${one}/suspended`,
      handle: mark("suspended", (id, wanted) => (wanted ? members.suspend(id) : members.unsuspend(id))),
    },
    {
      method: "PUT",
      path: `${one}/locked`,
      handle: mark("locked", (id, wanted) => (wanted ? members.lock(id) : members.unlock(id))),
    },
    { method: "POST", path: `${one}/sign-out`, handle: signOut },
    { method: "POST", path: `${one}/deactivate`, handle: deactivate },
    { method: "GET", path: `${one}/devices`, handle: listDevices },
    { method: "DELETE", path: `${one}/devices/:deviceId`, handle: kickDevice },
    { method: "POST", path: `${one}/redact`, handle: redact },
  ];
}

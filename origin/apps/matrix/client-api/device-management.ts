import type { Device } from "../../../members/members.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { missingParam, notFound } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { checkDisplayName } from "../sign-in.ts";
import { passwordStage, type Uia } from "../uia.ts";
import { optionalString, optionalStrings } from "./read-body.ts";

export function deviceManagementRoutes(matrix: MatrixContext, uia: Uia, following: FollowMembers): Route[] {
  const { members } = matrix;

  function ownDevice(call: Call): Device {
    const wanted = call.params["deviceId"];
    const found = members.devices(call.requester.memberId).find(({ deviceId }) => deviceId === wanted);
    if (!found) throw notFound("You have no device of this id.");
    return found;
  }

  async function rename(call: Call): Promise<Answer> {
    const { deviceId } = ownDevice(call);
    const displayName = optionalString(await call.json(), "display_name");
    if (displayName === undefined) return {};
    checkDisplayName(displayName, "display_name");
    const { memberId } = call.requester;
    if (!(await members.renameDevice(memberId, deviceId, displayName))) {
      throw notFound("You have no device of this id.");
    }
    await following.settle();
    return {};
  }

  async function remove(call: Call): Promise<Answer> {
    const body = await call.json({ mayBeEmpty: true });
    const challenge = await uia(call, body, passwordStage(matrix, call));
    if (challenge) return challenge;
    // One that is not there was removed before: the same answer.
    await members.endSession(call.requester.memberId, call.params["deviceId"] ?? "");
    await following.settle();
    return {};
  }

  async function removeSeveral(call: Call): Promise<Answer> {
    const { memberId } = call.requester;
    const body = await call.json({ mayBeEmpty: true });
    const wanted = optionalStrings(body, "devices");
    const challenge = await uia(call, body, passwordStage(matrix, call));
    if (challenge) return challenge;
    if (!wanted) throw missingParam("devices is missing.");
    const own = new Set(members.devices(memberId).map(({ deviceId }) => deviceId));
    await Promise.all(
      [...own]
        .filter((deviceId) => wanted.includes(deviceId))
        .map((deviceId) => members.endSession(memberId, deviceId)),
    );
    await following.settle();
    return {};
  }

  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/devices",
      access: "member",
      handle: (call) => ({ devices: members.devices(call.requester.memberId).map(toJson) }),
    },
    {
      method: "GET",
      path: "/_matrix/client/v3/devices/:deviceId",
      access: "member",
      handle: (call) => toJson(ownDevice(call)),
    },
    {
      method: "PUT",
      path: "/_matrix/client/v3/devices/:deviceId",
      access: "reading",
      limit: "writes",
      handle: rename,
    },
    {
      method: "DELETE",
      path: "/_matrix/client/v3/devices/:deviceId",
      access: "reading",
      limit: "login",
      handle: remove,
    },
    {
      method: "POST",
      path: "/_matrix/client/v3/delete_devices",
      access: "reading",
      limit: "login",
      handle: removeSeveral,
    },
  ];
}

function toJson(device: Device): object {
  return {
    device_id: device.deviceId,
    ...(device.displayName !== null && { display_name: device.displayName }),
    ...(device.lastSeenAddress !== null && { last_seen_ip: device.lastSeenAddress }),
    ...(device.lastSeenAt !== null && { last_seen_ts: device.lastSeenAt }),
  };
}

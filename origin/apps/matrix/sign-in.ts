import type { DeviceRequest, Member, OpenedSession } from "../../members/members.ts";
import { optionalBoolean, optionalObject, optionalString } from "./client-api/read-body.ts";
import type { JsonObject } from "./events/event.ts";
import type { FollowMembers } from "../../members/follow-changes.ts";
import { type MatrixContext, userIdOf } from "./matrix-context.ts";
import { invalidParam, MatrixError, missingParam } from "./matrix-error.ts";
import type { Call } from "./route.ts";
import type { ShortLivedSecrets } from "../../gate/short-lived-secrets.ts";

/** The tokens of `m.login.token`: each lets one client in, once, as the member who asked for it on `deviceId`. */
export type LoginTokens = ShortLivedSecrets<{ readonly memberId: number; readonly deviceId: string }>;

/** In characters: what fits a list of devices, and in every key that a client derives from it. */
const longestDeviceText = 255;

/**
 * The member's name that a sign-in is for: `identifier` of type m.id.user, or the `user` of before it; a localpart
 * or a full id, in any case. Empty for an id of another server, so that it fails like an unknown name.
 */
export function readName(body: JsonObject, serverName: string): string {
  const identifier = optionalObject(body, "identifier");
  if (identifier && optionalString(identifier, "type") !== "m.id.user") {
    throw new MatrixError(
      400,
      "M_UNKNOWN",
      "Sign in with your user name: identifier.type must be m.id.user.",
    );
  }
  const user = optionalString(identifier ?? body, "user")
    ?.trim()
    .toLowerCase();
  if (user === undefined) throw missingParam("identifier.user is missing: give your user name.");
  if (!user.startsWith("@")) return user;
  const suffix = `:${serverName}`;
  return user.endsWith(suffix) ? user.slice(1, -suffix.length) : "";
}

/** What the client says of the device that it signs in with. */
export function readDevice(call: Call, body: JsonObject): DeviceRequest {
  const deviceId = optionalString(body, "device_id");
  const displayName = optionalString(body, "initial_device_display_name");
  if (deviceId !== undefined && (deviceId === "" || deviceId.length > longestDeviceText)) {
    throw invalidParam(`device_id must have 1 to ${longestDeviceText} characters.`);
  }
  if (displayName !== undefined) checkDisplayName(displayName, "initial_device_display_name");
  return {
    deviceId,
    displayName,
    // Only for a client that can refresh: any other would be locked out when the token expires.
    refreshable: optionalBoolean(body, "refresh_token") ?? false,
    address: call.context.client.address,
  };
}

export function checkDisplayName(text: string, key: string): void {
  if (text.length > longestDeviceText) {
    throw invalidParam(`${key} must have at most ${longestDeviceText} characters.`);
  }
}

/** Opens a session on whatever way a member came in. Throws an error for a device id that cannot be signed in. */
export async function openDevice(
  matrix: MatrixContext,
  following: FollowMembers,
  member: Member,
  device: DeviceRequest,
): Promise<OpenedSession> {
  // If this device was ended a moment ago, what belonged to it goes first, and not what the new one will bring.
  if (device.deviceId !== undefined) await following.settle();
  const dehydrated = matrix.dehydratedDevices.find(userIdOf(matrix, member.name));
  if (dehydrated && dehydrated.deviceId === device.deviceId) {
    throw invalidParam(
      "This is the id of your dehydrated device: sign in without device_id, or with another.",
    );
  }
  const opened = await matrix.members.openSession(member.id, device);
  const userId = userIdOf(matrix, member.name);
  if (device.deviceId !== undefined) {
    // The device's old tokens have ended, and with them what they set.
    await matrix.database.write((transaction) =>
      matrix.pushers.removeDevice(transaction, userId, opened.deviceId),
    );
  }
  return opened;
}

/** The same; the answer of /login and /register. */
export async function openSession(
  matrix: MatrixContext,
  following: FollowMembers,
  member: Member,
  device: DeviceRequest,
): Promise<object> {
  const opened = await openDevice(matrix, following, member, device);
  return {
    user_id: userIdOf(matrix, member.name),
    device_id: opened.deviceId,
    access_token: opened.accessToken,
    ...(opened.refreshToken !== undefined && {
      refresh_token: opened.refreshToken,
      expires_in_ms: opened.expiresInMs,
    }),
  };
}

import type { Database } from "../../../storage/database.ts";
import { type LocalMembers, localMember } from "../users/local-member.ts";

/** Where messages and keys can go: the devices that a user is signed in on, and the dehydrated one. */
export interface UserDevices {
  /** None for someone without an account here. */
  of(userId: string): readonly UserDevice[];
  has(userId: string, deviceId: string): boolean;
}

export interface UserDevice {
  readonly deviceId: string;
  readonly displayName: string | null;
}

export function createUserDevices(parts: { database: Database } & LocalMembers): UserDevices {
  const dehydrated = parts.database.prepare<UserDevice>(
    "SELECT device AS deviceId, name AS displayName FROM dehydrated_devices WHERE user = ?",
  );

  function of(userId: string): readonly UserDevice[] {
    const member = localMember(parts, userId);
    if (!member) return [];
    return [...parts.members.devices(member.id), ...dehydrated.all(userId)];
  }

  return {
    of,
    has: (userId, deviceId) => of(userId).some((device) => device.deviceId === deviceId),
  };
}

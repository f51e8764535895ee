import { followChanges, type FollowMembers } from "../../members/follow-changes.ts";
import type { Transaction } from "../../storage/writer.ts";
import type { MemberChange } from "../../members/members.ts";
import { type MatrixContext, userIdOf } from "./matrix-context.ts";
import { MatrixError } from "./matrix-error.ts";
import { eraseMember } from "./moderation/erase-member.ts";

/** Rooms that a deactivated member leaves in one write: others must get their turn in between. */
const roomsAWrite = 20;

/**
 * Draws in the rooms the consequences of what happens to members and their sessions. A change's facts and the mark that
 * it was followed are one write, so that nothing is done twice or left out when the process is killed.
 */
export function followMembers(matrix: MatrixContext): FollowMembers {
  const { database, members, log } = matrix;
  const position = database.prepare<{ at: number }>("SELECT member_change AS at FROM followed WHERE id = 1");
  const advance = database.prepare("UPDATE followed SET member_change = ? WHERE id = 1");
  return followChanges({
    members,
    position: () => position.get()?.at ?? 0,
    async follow(changes, isClosed) {
      for (const change of changes) {
        if (isClosed()) return;
        const userId = userIdOf(matrix, change.name);
        if (change.kind === "deactivated") await leaveRooms(matrix, userId);
        if (change.kind === "erased" && !(await eraseMember(matrix, userId, isClosed))) return;
        await database.write((transaction) => {
          follow(matrix, transaction, change);
          advance.run(change.seq);
        });
      }
    },
    onError: (error) => log.error("matrix.follow-members-failed", { error }),
  });
}

/** What a device notes of its own notifications in its account's data (MSC3890); it ends with the device. */
const notificationSettings = [
  "m.local_notification_settings.",
  "org.matrix.msc3890.local_notification_settings.",
];

function follow(matrix: MatrixContext, transaction: Transaction, change: MemberChange): void {
  const userId = userIdOf(matrix, change.name);
  if (change.kind === "session-ended" && change.deviceId !== null) {
    const { deviceId } = change;
    matrix.transactions.forgetDevice(userId, deviceId);
    matrix.toDevice.removeDevice(userId, deviceId);
    matrix.slidingConnections.removeDevice(transaction, userId, deviceId);
    matrix.deviceKeys.removeDevice(transaction, userId, deviceId);
    matrix.pushers.removeDevice(transaction, userId, deviceId);
    transaction.afterCommit(() => matrix.presence.forgetDevice(userId, deviceId));
    for (const prefix of notificationSettings) {
      matrix.accountData.remove(transaction, userId, `${prefix}${deviceId}`);
    }
  }
  // The name stands in what /keys/query answers to others.
  if (change.kind === "device-renamed") matrix.deviceLists.noteChange(transaction, userId);
  if (change.kind === "deactivated") {
    matrix.dehydratedDevices.remove(transaction, userId);
    matrix.keyBackups.removeAll(transaction, userId);
    matrix.crossSigning.removeAll(transaction, userId);
    matrix.presence.forget(userId);
    matrix.delayedEvents.forget(userId);
  }
  // A long-poll under a session that is not good any more looks again, and ends.
  transaction.afterCommit(() => matrix.waiters.notify([userId], matrix.stream.current()));
}

/** With real events, so that everyone in the rooms sees it; invitations and knocks end in the same way. */
async function leaveRooms(matrix: MatrixContext, userId: string): Promise<void> {
  const rooms = matrix.memberships
    .roomsOf(userId)
    .filter(({ membership }) => membership === "join" || membership === "invite" || membership === "knock")
    .map(({ room }) => room);
  for (let start = 0; start < rooms.length; start += roomsAWrite) {
    await matrix.database.write((transaction) => {
      for (const nid of rooms.slice(start, start + roomsAWrite)) leave(matrix, transaction, nid, userId);
    });
  }
}

function leave(matrix: MatrixContext, transaction: Transaction, nid: number, userId: string): void {
  const room = matrix.rooms.byNid(nid);
  if (!room) return;
  try {
    matrix.append(transaction, room, {
      type: "m.room.member",
      stateKey: userId,
      sender: userId,
      content: { membership: "leave" },
    });
  } catch (error) {
    // One room whose rules refuse must not keep the member in all the others. A refusal has changed nothing.
    if (!(error instanceof MatrixError)) throw error;
    matrix.log.warn("matrix.deactivated-member.leave-refused", { room: room.roomId, error });
  }
}

import type { Config } from "../../config/config.ts";
import type { GuessLimits } from "../../gate/guess-limits/guess-limits.ts";
import type { Log } from "../../host/log.ts";
import type { Members } from "../../members/members.ts";
import type { Database } from "../../storage/database.ts";
import type { CrossSigning } from "./e2ee/cross-signing.ts";
import type { DehydratedDevices } from "./e2ee/dehydrated-devices.ts";
import type { DeviceKeys } from "./e2ee/device-keys.ts";
import type { DeviceLists } from "./e2ee/device-lists.ts";
import type { KeyBackups } from "./e2ee/key-backups.ts";
import type { NewSessions } from "./e2ee/new-sessions.ts";
import type { ToDevice } from "./e2ee/to-device.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { Reports } from "./moderation/reports.ts";
import type { RoomSummaries } from "./moderation/room-summaries.ts";
import type { Media } from "./media/media.ts";
import type { AliasStore } from "./rooms/alias-store.ts";
import type { Delivery } from "./push/delivery.ts";
import type { NotificationLog } from "./push/notification-log.ts";
import type { Pushers } from "./push/pushers.ts";
import type { ThreadSubscriptions } from "./push/thread-subscriptions.ts";
import type { UnreadMarks } from "./push/unread-marks.ts";
import type { Append } from "./rooms/append.ts";
import type { DelayedEvents } from "./rooms/delayed-events.ts";
import type { EventStore } from "./rooms/event-store.ts";
import type { MembershipStore } from "./rooms/membership-store.ts";
import type { RelationStore } from "./rooms/relation-store.ts";
import type { RoomDirectory } from "./rooms/room-directory.ts";
import type { RoomStore } from "./rooms/room-store.ts";
import type { ThreadStore } from "./rooms/thread-store.ts";
import type { SearchIndex } from "./search/search-index.ts";
import type { Connections } from "./sliding-sync/connections.ts";
import type { Transactions } from "./store/transactions.ts";
import type { Stream } from "./store/stream.ts";
import type { Typing } from "./sync/typing.ts";
import type { Waiters } from "./sync/waiters.ts";
import type { AccountData } from "./users/account-data.ts";
import type { ErasedUsers } from "./users/erased-users.ts";
import type { Filters } from "./users/filters.ts";
import type { InvitePermission } from "./users/invite-permission.ts";
import type { Presence } from "./users/presence.ts";
import type { Profiles } from "./users/profiles.ts";
import type { Receipts } from "./users/receipts.ts";
import type { UserDirectory } from "./users/user-directory.ts";
import type { UserRules } from "./users/user-rules.ts";

/** Everything the Matrix operations share. Built in one place (matrix.ts) and handed to each group of routes. */
export interface MatrixContext {
  readonly config: Config;
  readonly log: Log;
  readonly now: () => number;
  readonly members: Members;
  readonly guesses: GuessLimits;
  readonly database: Database;
  readonly stream: Stream;
  readonly waiters: Waiters;
  readonly rooms: RoomStore;
  readonly events: EventStore;
  readonly memberships: MembershipStore;
  readonly relations: RelationStore;
  readonly threads: ThreadStore;
  readonly searchIndex: SearchIndex;
  readonly aliases: AliasStore;
  readonly roomDirectory: RoomDirectory;
  readonly append: Append;
  readonly transactions: Transactions;
  readonly profiles: Profiles;
  readonly accountData: AccountData;
  readonly userRules: UserRules;
  readonly unread: UnreadMarks;
  readonly notificationLog: NotificationLog;
  readonly pushers: Pushers;
  readonly delivery: Delivery;
  readonly threadSubscriptions: ThreadSubscriptions;
  readonly receipts: Receipts;
  readonly filters: Filters;
  readonly typing: Typing;
  readonly slidingConnections: Connections;
  readonly presence: Presence;
  readonly userDirectory: UserDirectory;
  readonly invitePermission: InvitePermission;
  readonly delayedEvents: DelayedEvents;
  readonly deviceKeys: DeviceKeys;
  readonly crossSigning: CrossSigning;
  readonly deviceLists: DeviceLists;
  readonly newSessions: NewSessions;
  readonly toDevice: ToDevice;
  readonly media: Media;
  readonly dehydratedDevices: DehydratedDevices;
  readonly keyBackups: KeyBackups;
  readonly erasedUsers: ErasedUsers;
  readonly reports: Reports;
  readonly jobs: Jobs;
  readonly roomSummaries: RoomSummaries;
}

/** `@name:server`, the user id of a member. */
export const userIdOf = (matrix: MatrixContext, name: string): string =>
  `@${name}:${matrix.config.serverName}`;

/** The server's own user, who sends its notices. No account can have the name. */
export const serverUserOf = (matrix: MatrixContext): string => userIdOf(matrix, "_server");

/** The member's name in a user id of this server; undefined for anyone else's. */
export function localpartOf(matrix: MatrixContext, userId: string): string | undefined {
  const suffix = `:${matrix.config.serverName}`;
  return userId.startsWith("@") && userId.endsWith(suffix) ? userId.slice(1, -suffix.length) : undefined;
}

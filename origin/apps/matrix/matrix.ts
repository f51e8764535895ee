import type { App, AppContext } from "../../app.ts";
import { type DeviceRequest, type Member, MembersError, type OpenedSession } from "../../members/members.ts";
import { createRateLimits } from "../../members/rate-limits.ts";
import { adminApiRoutes } from "./admin-api/admin-api.ts";
import { clientApiRoutes } from "./client-api/client-api.ts";
import { createCrossSigning } from "./e2ee/cross-signing.ts";
import { createDehydratedDevices } from "./e2ee/dehydrated-devices.ts";
import { createDeviceKeys } from "./e2ee/device-keys.ts";
import { createDeviceLists } from "./e2ee/device-lists.ts";
import { createKeyBackups } from "./e2ee/key-backups.ts";
import { createNewSessions } from "./e2ee/new-sessions.ts";
import { createToDevice } from "./e2ee/to-device.ts";
import { createUserDevices } from "./e2ee/user-devices.ts";
import { followMembers } from "./follow-members.ts";
import { createJobs } from "./jobs/jobs.ts";
import { runJobs } from "./jobs/run-jobs.ts";
import type { MatrixContext } from "./matrix-context.ts";
import { MatrixError } from "./matrix-error.ts";
import { createDelivery } from "./push/delivery.ts";
import { createGateway } from "./push/gateway.ts";
import { createNotificationLog } from "./push/notification-log.ts";
import { deleteRoom } from "./moderation/delete-room.ts";
import { purgeHistory } from "./moderation/purge-history.ts";
import { redactMember } from "./moderation/redact-member.ts";
import { createReports } from "./moderation/reports.ts";
import { createRoomSummaries } from "./moderation/room-summaries.ts";
import { tellOwners } from "./moderation/tell-owners.ts";
import { sendNotices } from "./moderation/server-notices.ts";
import { createMedia } from "./media/media.ts";
import { createPushCounter } from "./push/push-counter.ts";
import { createPushers } from "./push/pushers.ts";
import { createThreadSubscriptions } from "./push/thread-subscriptions.ts";
import { createUnreadMarks } from "./push/unread-marks.ts";
import { createAliasStore } from "./rooms/alias-store.ts";
import { createAppend } from "./rooms/append.ts";
import { createDelayedEvents } from "./rooms/delayed-events.ts";
import { createEventStore } from "./rooms/event-store.ts";
import { createMembershipStore } from "./rooms/membership-store.ts";
import { createRelationStore } from "./rooms/relation-store.ts";
import { createRoomDirectory } from "./rooms/room-directory.ts";
import { createRoomStore } from "./rooms/room-store.ts";
import { createThreadStore } from "./rooms/thread-store.ts";
import { startDelayedEvents } from "./rooms/send-delayed-events.ts";
import { buildRoutes } from "./route.ts";
import { openDevice } from "./sign-in.ts";
import { createSearchIndex } from "./search/search-index.ts";
import { createConnections } from "./sliding-sync/connections.ts";
import { matrixMigrations } from "./store/migrations.ts";
import { createStream } from "./store/stream.ts";
import { createTransactions } from "./store/transactions.ts";
import { createEphemeralSerial } from "./sync/ephemeral-serial.ts";
import { createTyping } from "./sync/typing.ts";
import { createWaiters } from "./sync/waiters.ts";
import { serverNoticeRoutes } from "./testing/server-notice.ts";
import { sharedSecretRoutes } from "./testing/shared-secret.ts";
import { createUia } from "./uia.ts";
import { createAccountData } from "./users/account-data.ts";
import { createErasedUsers } from "./users/erased-users.ts";
import { createFilters } from "./users/filters.ts";
import { createInvitePermission } from "./users/invite-permission.ts";
import { localMember } from "./users/local-member.ts";
import { createPresence, hiddenPresence } from "./users/presence.ts";
import { createProfiles } from "./users/profiles.ts";
import { createReceipts } from "./users/receipts.ts";
import { createUserDirectory } from "./users/user-directory.ts";
import { createUserRules } from "./users/user-rules.ts";

const day = 24 * 60 * 60 * 1000;
/** So long GET /notifications shows what has been read. */
const keptNotifications = 30 * day;
const nobody: ReadonlySet<string> = new Set();

/** The Matrix server: the client-server API over one database, `matrix.db`. */
export function createMatrixApp(context: AppContext): MatrixApp {
  const matrix = createMatrixContext(context);
  const { config, members, log, now } = matrix;
  const following = followMembers(matrix);
  const jobs = runJobs(matrix, {
    "delete-room": deleteRoom,
    "purge-history": purgeHistory,
    "redact-member": redactMember,
    "send-notices": sendNotices,
  });
  const tidying: readonly [what: string, work: () => Promise<unknown>][] = [
    ["transactions", () => matrix.transactions.expire()],
    ["notifications", () => matrix.unread.expire(matrix.events.positionAt(now() - keptNotifications))],
    ["push", () => matrix.delivery.tidy()],
    ["delayed-events", () => matrix.delayedEvents.expire()],
    ["jobs", () => matrix.jobs.expire()],
    ["media", () => matrix.media.tidy()],
    ["sliding-sync", () => matrix.slidingConnections.expire()],
  ];
  const tidy = (): void => {
    for (const [what, work] of tidying) {
      work().catch((error: unknown) => log.error("matrix.tidy-failed", { what, error }));
    }
  };
  tidy();
  matrix.keyBackups.resume();
  const delayed = startDelayedEvents(matrix);
  context.honeypot?.onNews((text) => tellOwners(matrix, text));
  const daily = setInterval(tidy, day).unref();

  return {
    name: "matrix",
    host: "apex",
    matrix,
    routes: buildRoutes(
      [
        ...clientApiRoutes(matrix, createUia(now), following),
        ...adminApiRoutes(matrix, following, context.honeypot),
        ...sharedSecretRoutes(matrix, following),
        ...serverNoticeRoutes(matrix),
      ],
      {
        serverName: config.serverName,
        members,
        gate: context.gate,
        limits: createRateLimits(config.matrix.rateLimits),
        log,
        now,
      },
    ),
    async openDevice(member, device) {
      try {
        return await openDevice(matrix, following, member, device);
      } catch (error) {
        throw error instanceof MatrixError ? new MembersError("not-allowed", error.message) : error;
      }
    },
    backup: { databases: ["matrix"], blobs: ["blobs"] },
    async close() {
      clearInterval(daily);
      matrix.searchIndex.close();
      matrix.waiters.close();
      await matrix.delivery.close();
      await following.close();
      await matrix.media.close();
      await jobs.close();
      await delayed.close();
      await matrix.presence.close();
      await matrix.keyBackups.close();
    },
  };
}

export interface MatrixApp extends App {
  /** The domain behind the routes. */
  readonly matrix: MatrixContext;
  /** Opens a session for a member who has signed in elsewhere on this server. Throws MembersError: not-allowed for a device id that cannot be signed in. */
  openDevice(member: Member, device: DeviceRequest): Promise<OpenedSession>;
}

/** Builds every service, each from those above it. */
function createMatrixContext(context: AppContext): MatrixContext {
  const { config, log, members, guesses, now } = context;
  const { serverName } = config;
  const database = context.openDatabase("matrix", matrixMigrations);
  const stream = createStream(database);
  const waiters = createWaiters(() => stream.current());
  const transactions = createTransactions(database, now);

  const rooms = createRoomStore(database);
  const events = createEventStore(database);
  const memberships = createMembershipStore(database);
  const relations = createRelationStore(database);
  const threads = createThreadStore(database);
  const searchIndex = createSearchIndex({ database, events, relations, log });
  const aliases = createAliasStore(database);
  const roomDirectory = createRoomDirectory({ database, rooms });
  const position = (): number => stream.current();
  const serial = createEphemeralSerial(now);
  const joinedTo = (room: number): ReadonlySet<string> => rooms.byNid(room)?.joined ?? nobody;
  const typing = createTyping({ waiters, position, joinedTo, serial });
  const sharers = (userId: string): ReadonlySet<string> => memberships.sharers(userId);
  const presence =
    config.matrix.presence === "on"
      ? createPresence({ database, waiters, serial, sharers, log, now })
      : hiddenPresence;

  const slidingConnections = createConnections({ database, stream, log, now });

  const accountData = createAccountData({ database, stream, waiters });
  const invitePermission = createInvitePermission(accountData);
  const userRules = createUserRules({ accountData, members, serverName });
  const filters = createFilters(database);
  const unread = createUnreadMarks(database);
  const receipts = createReceipts({ database, stream, waiters, events, accountData, unread, now });

  const threadSubscriptions = createThreadSubscriptions({ database, stream, waiters, userRules });
  const erasedUsers = createErasedUsers(database);
  const pushers = createPushers(database, stream);
  const notificationLog = createNotificationLog(database);
  const gateway = createGateway(context.outbound);
  const delivery = createDelivery({
    database,
    stream,
    events,
    rooms,
    members,
    unread,
    notificationLog,
    pushers,
    erasedUsers,
    gateway,
    log,
    now,
  });
  const pushCounter = createPushCounter({
    unread,
    evaluatorOf: (userId) => userRules.evaluatorOf(userId),
    ignores: (userId, sender) => accountData.ignored(userId).has(sender),
    subscribers: (room, root) => threadSubscriptions.subscribers(room, root),
    ring: (transaction, userIds, so) => delivery.ring(transaction, userIds, so),
    hidesInvite: (userId, sender) => invitePermission.hides(userId, sender),
  });
  const delayedEvents = createDelayedEvents(database, now);
  const newSessions = createNewSessions();
  const append = createAppend({
    database,
    stream,
    rooms,
    events,
    threads,
    searchIndex,
    waiters,
    pushCounter,
    delayedEvents,
    newSessions,
    now,
  });
  const profiles = createProfiles({ database, rooms, memberships, append, members, serverName });
  const userDirectory = createUserDirectory({
    database,
    memberships,
    shownProfiles: () => profiles.shown(),
    scope: config.matrix.userDirectory,
    members,
    serverName,
  });

  const deviceLists = createDeviceLists({ database, stream, waiters, memberships });
  const userDevices = createUserDevices({ database, members, serverName });
  const deviceKeys = createDeviceKeys({ database, deviceLists, userDevices });
  const crossSigning = createCrossSigning({ database, deviceLists, deviceKeys, userDevices });
  const toDevice = createToDevice({ database, stream, waiters, userDevices });
  const dehydratedDevices = createDehydratedDevices({ database, deviceKeys, toDevice, members, serverName });
  const keyBackups = createKeyBackups({ database, stream, log });
  const reports = createReports({ database, alerts: context.alerts, now });
  const jobs = createJobs(database, now);
  const roomSummaries = createRoomSummaries(database);

  const media = createMedia({
    config,
    database,
    blobs: context.blobs,
    outbound: context.outbound,
    // A large upload may outlast the account of its sender.
    hasAccount: (userId) =>
      (localMember({ members, serverName }, userId)?.state ?? "deactivated") !== "deactivated",
    log,
    now,
  });

  return {
    config,
    log,
    now,
    members,
    guesses,
    database,
    stream,
    waiters,
    rooms,
    events,
    memberships,
    relations,
    threads,
    searchIndex,
    aliases,
    roomDirectory,
    append,
    transactions,
    profiles,
    accountData,
    userRules,
    unread,
    notificationLog,
    pushers,
    delivery,
    threadSubscriptions,
    receipts,
    filters,
    typing,
    slidingConnections,
    presence,
    userDirectory,
    invitePermission,
    delayedEvents,
    deviceKeys,
    crossSigning,
    deviceLists,
    newSessions,
    toDevice,
    media,
    dehydratedDevices,
    keyBackups,
    erasedUsers,
    reports,
    jobs,
    roomSummaries,
  };
}

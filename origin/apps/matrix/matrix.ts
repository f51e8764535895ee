import type { App, AppContext } from "../../app.ts";
import { clientApiRoutes } from "./client-api/client-api.ts";
import { createCrossSigning } from "./e2ee/cross-signing.ts";
import { createDehydratedDevices } from "./e2ee/dehydrated-devices.ts";
import { createDeviceKeys } from "./e2ee/device-keys.ts";
import { createDeviceLists } from "./e2ee/device-lists.ts";
import { createKeyBackups } from "./e2ee/key-backups.ts";
import { createToDevice } from "./e2ee/to-device.ts";
import { createUserDevices } from "./e2ee/user-devices.ts";
import { followMembers } from "./follow-members.ts";
import type { MatrixContext } from "./matrix-context.ts";
import { createMedia } from "./media/media.ts";
import { createPushCounter } from "./push/push-counter.ts";
import { createUnreadMarks } from "./push/unread-marks.ts";
import { createAliasStore } from "./rooms/alias-store.ts";
import { createAppend } from "./rooms/append.ts";
import { createEventStore } from "./rooms/event-store.ts";
import { createMembershipStore } from "./rooms/membership-store.ts";
import { createRelationStore } from "./rooms/relation-store.ts";
import { createRoomDirectory } from "./rooms/room-directory.ts";
import { createRoomStore } from "./rooms/room-store.ts";
import { buildRoutes } from "./route.ts";
import { createConnections } from "./sliding-sync/connections.ts";
import { matrixMigrations } from "./store/migrations.ts";
import { createStream } from "./store/stream.ts";
import { createTransactions } from "./store/transactions.ts";
import { createTyping } from "./sync/typing.ts";
import { createWaiters } from "./sync/waiters.ts";
import { sharedSecretRoutes } from "./testing/shared-secret.ts";
import { createUia } from "./uia.ts";
import { createAccountData } from "./users/account-data.ts";
import { createFilters } from "./users/filters.ts";
import { createProfiles } from "./users/profiles.ts";
import { createReceipts } from "./users/receipts.ts";
import { createUserRules } from "./users/user-rules.ts";

const day = 24 * 60 * 60 * 1000;
const nobody: ReadonlySet<string> = new Set();

/** The Matrix server: the client-server API over one database, `matrix.db`. */
export function createMatrixApp(context: AppContext): MatrixApp {
  const matrix = createMatrixContext(context);
  const { config, members, log, now } = matrix;
  const following = followMembers(matrix);
  const expire = (): void => {
    matrix.transactions
      .expire()
      .catch((error: unknown) => log.error("matrix.transactions.expire-failed", { error }));
    matrix.unread.expire().catch((error: unknown) => log.error("matrix.unread.expire-failed", { error }));
    matrix.media.tidy().catch((error: unknown) => log.error("matrix.media.tidy-failed", { error }));
    matrix.slidingConnections
      .expire()
      .catch((error: unknown) => log.error("matrix.sliding-sync.expire-failed", { error }));
  };
  expire();
  matrix.keyBackups.resume();
  const daily = setInterval(expire, day).unref();

  return {
    name: "matrix",
    host: "apex",
    matrix,
    routes: buildRoutes(
      [...clientApiRoutes(matrix, createUia(now), following), ...sharedSecretRoutes(matrix, following)],
      { serverName: config.serverName, members, log, now },
    ),
    backup: { databases: ["matrix"], blobs: ["blobs"] },
    async close() {
      clearInterval(daily);
      matrix.waiters.close();
      await matrix.media.close();
      await following.close();
      await matrix.keyBackups.close();
    },
  };
}

export interface MatrixApp extends App {
  /** The domain behind the routes. */
  readonly matrix: MatrixContext;
}

/** Builds every service, each from those above it. */
function createMatrixContext(context: AppContext): MatrixContext {
  const { config, log, members, now } = context;
  const { serverName } = config;
  const database = context.openDatabase("matrix", matrixMigrations);
  const stream = createStream(database);
  const waiters = createWaiters(() => stream.current());
  const transactions = createTransactions(database, now);

  const rooms = createRoomStore(database);
  const events = createEventStore(database);
  const memberships = createMembershipStore(database);
  const relations = createRelationStore(database);
  const aliases = createAliasStore(database);
  const roomDirectory = createRoomDirectory({ database, rooms });
  const typing = createTyping({
    waiters,
    position: () => stream.current(),
    joinedTo: (room) => rooms.byNid(room)?.joined ?? nobody,
    now,
  });

  const slidingConnections = createConnections({ database, stream, log, now });

  const accountData = createAccountData({ database, stream, waiters });
  const userRules = createUserRules({ accountData, members, serverName });
  const filters = createFilters(database);
  const unread = createUnreadMarks(database);
  const receipts = createReceipts({ database, stream, waiters, events, accountData, unread, now });

  const pushCounter = createPushCounter({
    unread,
    evaluatorOf: (userId) => userRules.evaluatorOf(userId),
    ignores: (userId, sender) => accountData.ignored(userId).has(sender),
  });
  const append = createAppend({ database, stream, rooms, events, waiters, pushCounter, now });
  const profiles = createProfiles({ database, rooms, memberships, append, members, serverName });

  const deviceLists = createDeviceLists({ database, stream, waiters, memberships });
  const userDevices = createUserDevices({ database, members, serverName });
  const deviceKeys = createDeviceKeys({ database, deviceLists, userDevices });
  const crossSigning = createCrossSigning({ database, deviceLists, deviceKeys, userDevices });
  const toDevice = createToDevice({ database, stream, waiters, userDevices });
  const dehydratedDevices = createDehydratedDevices({ database, deviceKeys, toDevice, members, serverName });
  const keyBackups = createKeyBackups({ database, stream, log });

  const media = createMedia({
    config,
    database,
    blobs: context.blobs,
    outbound: context.outbound,
    log,
    now,
  });

  return {
    config,
    log,
    now,
    members,
    database,
    stream,
    waiters,
    rooms,
    events,
    memberships,
    relations,
    aliases,
    roomDirectory,
    append,
    transactions,
    profiles,
    accountData,
    userRules,
    unread,
    receipts,
    filters,
    typing,
    slidingConnections,
    deviceKeys,
    crossSigning,
    deviceLists,
    toDevice,
    media,
    dehydratedDevices,
    keyBackups,
  };
}

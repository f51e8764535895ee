import type { Migration } from "../../../storage/database.ts";
import { eventsByTime } from "./migrations/events-by-time.ts";
import { claimedKeys } from "./migrations/claimed-keys.ts";
import { dehydratedDevices } from "./migrations/dehydrated-devices.ts";
import { delayedEvents } from "./migrations/delayed-events.ts";
import { firstSchema } from "./migrations/first-schema.ts";
import { keyBackups } from "./migrations/key-backups.ts";
import { lostPositions } from "./migrations/lost-positions.ts";
import { moderation } from "./migrations/moderation.ts";
import { media } from "./migrations/media.ts";
import { presence } from "./migrations/presence.ts";
import { publishedRooms } from "./migrations/published-rooms.ts";
import { push } from "./migrations/push.ts";
import { searchIndex } from "./migrations/search-index.ts";
import { slidingSyncConnections } from "./migrations/sliding-sync-connections.ts";
import { threads } from "./migrations/threads.ts";

/**
 * The Matrix database, in the order in which its schema grew: a file each. Every fact that /sync can report bears a
 * `so` (stream ordering) from one sequence for the whole server, so that one number is a complete position. `room`
 * columns hold rooms.nid; 0 means no room.
 */
// biome-ignore format: one a line, so that additions stand apart
export const matrixMigrations: readonly Migration[] = [
  firstSchema,
  lostPositions,
  media,
  publishedRooms,
  keyBackups,
  dehydratedDevices,
  claimedKeys,
  slidingSyncConnections,
  push,
  threads,
  eventsByTime,
  searchIndex,
  presence,
  delayedEvents,
  moderation,
];

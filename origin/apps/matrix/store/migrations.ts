import type { Migration } from "../../../storage/database.ts";
import { claimedKeys } from "./migrations/claimed-keys.ts";
import { dehydratedDevices } from "./migrations/dehydrated-devices.ts";
import { firstSchema } from "./migrations/first-schema.ts";
import { keyBackups } from "./migrations/key-backups.ts";
import { lostPositions } from "./migrations/lost-positions.ts";
import { media } from "./migrations/media.ts";
import { publishedRooms } from "./migrations/published-rooms.ts";
import { slidingSyncConnections } from "./migrations/sliding-sync-connections.ts";

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
];

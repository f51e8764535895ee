import type { Migration } from "../../../storage/database.ts";
import { arrivals } from "./migrations/arrivals.ts";
import { delivery } from "./migrations/delivery.ts";
import { firstSchema } from "./migrations/first-schema.ts";
import { relaying } from "./migrations/relaying.ts";
import { sending } from "./migrations/sending.ts";
import { webmail } from "./migrations/webmail.ts";

/** The mail database, in the order in which its schema grew: a file each. */
// biome-ignore format: one a line, so that additions stand apart
export const mailMigrations: readonly Migration[] = [
  firstSchema,
  sending,
  arrivals,
  delivery,
  relaying,
  webmail,
];

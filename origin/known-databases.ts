import { mailAfterRestore } from "./apps/mail/store/after-restore.ts";
import { mailMigrations } from "./apps/mail/store/migrations.ts";
import { matrixAfterRestore } from "./apps/matrix/store/after-restore.ts";
import { matrixMigrations } from "./apps/matrix/store/migrations.ts";
import { throttleAfterRestore } from "./gate/guess-limits/after-restore.ts";
import { oidcAfterRestore, oidcMigrations } from "./apps/oidc/store/migrations.ts";
import { throttleMigrations } from "./gate/guess-limits/migrations.ts";
import { honeypotMigrations } from "./gate/honeypot/migrations.ts";
import type { RestorableDatabase } from "./host/backup/restore.ts";
import { hostMigrations } from "./host/host-database.ts";
import { membersAfterRestore } from "./members/after-restore.ts";
import { membersMigrations } from "./members/migrations.ts";

/**
 * Every database, and what a restore does to it; apps before the members whose changes they follow. Apart from main.ts:
 * a restore needs no server, which takes as much memory as the restore itself.
 */
export const knownDatabases: readonly RestorableDatabase[] = [
  { name: "mail", migrations: mailMigrations, afterRestore: mailAfterRestore },
  { name: "matrix", migrations: matrixMigrations, afterRestore: matrixAfterRestore },
  { name: "oidc", migrations: oidcMigrations, afterRestore: oidcAfterRestore },
  { name: "members", migrations: membersMigrations, afterRestore: membersAfterRestore },
  { name: "host", migrations: hostMigrations },
  { name: "throttle", migrations: throttleMigrations, afterRestore: throttleAfterRestore },
  { name: "honeypot", migrations: honeypotMigrations },
];

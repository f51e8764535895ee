import { alertCommands } from "./alerts.ts";
import { backupCommands } from "./backup.ts";
import type { Command } from "./command.ts";
import { configCommands } from "./config.ts";
import { dev } from "./dev.ts";
import { diagnostics } from "./diagnostics.ts";
import { doctor } from "./doctor.ts";
import { download } from "./download.ts";
import { edgeConfig } from "./edge.ts";
import { honeypotCommands } from "./honeypot.ts";
import { edgeKillCode } from "./edge/kill-code.ts";
import { edgeLost } from "./edge/lost.ts";
import { edgeRecover } from "./edge/recover.ts";
import { init } from "./init.ts";
import { installBoot } from "./install-boot.ts";
import { inviteCommands } from "./invite.ts";
import { keyCommands } from "./key.ts";
import { mailDkim } from "./mail-dkim.ts";
import { mailQueueCommands } from "./mail-queue.ts";
import { mailAliasCommands } from "./mail-alias.ts";
import { mailCommands } from "./mail.ts";
import { memberCommands } from "./member.ts";
import { noticeSend } from "./notice.ts";
import { ownerCreate } from "./owner.ts";
import { panicCommands } from "./panic.ts";
import { reportCommands } from "./report.ts";
import { roomCommands } from "./room.ts";
import { rotate } from "./rotate.ts";
import { serviceCommands } from "./service.ts";
import { testServer } from "./test-server.ts";
import { throttleCommands } from "./throttle.ts";
import { up } from "./up.ts";
import { update } from "./update.ts";

/** In the order in which a new owner needs them. */
export const commands: readonly Command[] = [
  init,
  up,
  dev,
  ownerCreate,
  ...inviteCommands,
  ...memberCommands,
  ...keyCommands,
  ...roomCommands,
  ...reportCommands,
  noticeSend,
  ...mailCommands,
  ...mailAliasCommands,
  ...mailQueueCommands,
  mailDkim,
  ...panicCommands,
  ...honeypotCommands,
  edgeConfig,
  edgeKillCode,
  edgeLost,
  edgeRecover,
  ...serviceCommands,
  installBoot,
  ...configCommands,
  rotate,
  ...backupCommands,
  ...throttleCommands,
  ...alertCommands,
  download,
  update,
  doctor,
  diagnostics,
  testServer,
];

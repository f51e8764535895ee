import type { Command } from "./command.ts";
import { dev } from "./dev.ts";
import { doctor } from "./doctor.ts";
import { edgeConfig } from "./edge.ts";
import { init } from "./init.ts";
import { inviteCommands } from "./invite.ts";
import { memberCommands } from "./member.ts";
import { ownerCreate } from "./owner.ts";
import { up } from "./up.ts";

/** In the order in which a new owner needs them. */
export const commands: readonly Command[] = [
  init,
  up,
  dev,
  ownerCreate,
  ...inviteCommands,
  ...memberCommands,
  edgeConfig,
  doctor,
];

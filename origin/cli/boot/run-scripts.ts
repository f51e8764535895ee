import { join } from "node:path";
import { type BootFacts, type BootPlan, quoteForShell, upCommand } from "./boot-plan.ts";

/** A folder for runit, with its log. */
export function runitPlan(facts: BootFacts): BootPlan {
  const folder = join(facts.into ?? facts.environment["SVDIR"] ?? "/etc/service", "burrow");
  return {
    files: scripts(folder, `chpst -u ${facts.user} `, facts, "exec svlogd -t ./main"),
    next: [`mkdir -p ${quoteForShell(join(folder, "log", "main"))}`, "sv status burrow"],
  };
}

/** A service folder for s6, with its log. */
export function s6Plan(facts: BootFacts): BootPlan {
  const folder = join(facts.into ?? "/service", "burrow");
  return {
    files: scripts(folder, `s6-setuidgid ${facts.user} `, facts, "exec s6-log n3 s2000000 T ./main"),
    next: [
      `mkdir -p ${quoteForShell(join(folder, "log", "main"))}`,
      `s6-svscanctl -a ${quoteForShell(facts.into ?? "/service")}`,
    ],
  };
}

function scripts(folder: string, become: string, facts: BootFacts, log: string): BootPlan["files"] {
  const command = upCommand(facts).map(quoteForShell).join(" ");
  return [
    {
      path: join(folder, "run"),
      mode: 0o755,
      // The user's home: services and settings are found from there.
      content: `#!/bin/sh\nexec 2>&1\nexport HOME=${quoteForShell(facts.home)}\nexec ${facts.switchUser ? become : ""}${command}\n`,
    },
    { path: join(folder, "log", "run"), mode: 0o755, content: `#!/bin/sh\n${log}\n` },
  ];
}

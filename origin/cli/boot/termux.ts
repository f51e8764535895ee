import { join } from "node:path";
import { type BootFacts, type BootPlan, quoteForShell, upCommand } from "./boot-plan.ts";

const termuxFiles = "/data/data/com.termux/files";

/**
 * A script for the Termux:Boot app, which runs what is in ~/.termux/boot once the phone has started. Burrow inside a
 * proot is started through it; Termux's own folder is reached from in there under its full path.
 */
export function termuxPlan(facts: BootFacts, inProot: boolean): BootPlan {
  const home = inProot ? join(termuxFiles, "home") : facts.home;
  const folder = facts.into ?? join(home, ".termux", "boot");
  return {
    files: [{ path: join(folder, "burrow"), mode: 0o700, content: scriptOf(facts, inProot) }],
    next: [
      "Install the app Termux:Boot from where Termux came from, and open it once.",
      ...(inProot ? ['Put the name of your distribution into the script, if it is not "debian".'] : []),
      "Take Termux and Termux:Boot out of Android's battery optimisation; docs/phone.md tells how.",
    ],
  };
}

function scriptOf(facts: BootFacts, inProot: boolean): string {
  const command = upCommand(facts).map(quoteForShell).join(" ");
  const login = `proot-distro login debian --user ${facts.user} -- ${command}`;
  return `#!${termuxFiles}/usr/bin/sh
# Starts Burrow when the phone has started (Termux:Boot), and again whenever it ends.
# Without the wake lock Android lets the processor sleep, and the tunnel with it.
termux-wake-lock
while :; do
  # All that it says is in logs/origin.log of the data folder; why it ended, or did not even start, here as well.
  ${inProot ? login : command} 2>&1 | tail -n 100 > "$HOME/burrow-last-end.log"
  sleep 5
done
`;
}

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { isLoopback } from "../../config/settings.ts";
import { type BootFacts, type BootPlan, upCommand } from "./boot-plan.ts";

/** A system unit for one user: a user's own unit could not take what is taken from it here (H6). */
export function systemdPlan(facts: BootFacts): BootPlan {
  const path = join(facts.into ?? "/etc/systemd/system", "burrow.service");
  return {
    files: [{ path, mode: 0o644, content: unitOf(facts) }],
    next: ["systemctl daemon-reload", "systemctl enable --now burrow", "journalctl -fu burrow"],
  };
}

function unitOf(facts: BootFacts): string {
  const resolvers = lanResolvers();
  return `[Unit]
Description=Burrow home server
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=${facts.user}
ExecStart=${upCommand(facts).map(quote).join(" ")}
Restart=always
RestartSec=2
# SIGTERM to Burrow alone, which ends its services in good order; SIGKILL to whatever is left.
KillMode=mixed
TimeoutStopSec=30
UMask=0077

# Burrow needs no privilege, and gets no way to one.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

# It writes into its data folder and nowhere else. A service that keeps data of its own needs one more line
# ReadWritePaths=/its/folder in a drop-in: systemctl edit burrow
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=${quote(facts.dataDir)}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible

# Netlink is how a program learns its own addresses; Burrow looks whether a service listens on one.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

# With services of your own, keep them from your local network, and it from them: put these lines into a drop-in
# (systemctl edit burrow). They count for Burrow as a whole; the tunnel needs public addresses only.
# [Service]
# IPAddressAllow=localhost${resolvers.map((address) => ` ${address}`).join("")}
# IPAddressDeny=10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 fc00::/7 fe80::/10 multicast

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines": quotes keep a word together; % and $ mean something even inside them. */
function quote(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w./:=%$-]+$/.test(word) ? escaped : `"${escaped.replace(/["\\]/g, "\\$&")}"`;
}

/** Name servers beyond loopback: without them an address filter would cut the tunnel off. */
function lanResolvers(): string[] {
  try {
    const text = readFileSync("/etc/resolv.conf", "utf8");
    return text
      .split("\n")
      .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "")
      .filter((address) => isIP(address) !== 0 && !isLoopback(address));
  } catch {
    return [];
  }
}

import ipaddr from "ipaddr.js";
import { EDGE_ITSELF } from "../../../shared/edge-client.ts";

/** This device itself, and the edge: the command line and the cron trigger. */
const OWN = ["127.0.0.0/8", "::1/128", `${EDGE_ITSELF}/128`];

/** Whether an address is one that is never refused. An address that is none is refused like any other. */
export function createSafelist(networks: readonly string[]): (address: string) => boolean {
  const ranges = [...OWN, ...networks].map((text) => {
    if (text.includes("/")) return ipaddr.parseCIDR(text);
    const address = ipaddr.process(text);
    return [address, address.kind() === "ipv4" ? 32 : 128] as const;
  });
  return function isSafe(address) {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits));
  };
}

import ipaddr from "ipaddr.js";

/** One network that a client's address lies in. */
export interface ClientNetwork {
  /** In CIDR form: `192.0.2.7/32`, `2001:db8::/64`. */
  readonly text: string;
  readonly width: "v4" | "v6-64" | "v6-56" | "v6-48";
}

export interface ClientNetworks {
  /**
   * The sources whose wrong tries are counted, the narrowest first: an IPv4 address by itself; of an IPv6 address the /64
   * that one link has, the /56 and the /48 that a customer may be given.
   */
  readonly sources: readonly [ClientNetwork, ...ClientNetwork[]];
  /** Where somebody is at home, though the address there changes from day to day: the IPv4 /24, the IPv6 /48. */
  readonly neighbourhood: string;
}

/** An address that is none shares one source with all others that are none. */
const nowhere: ClientNetworks = { sources: [{ text: "unknown", width: "v4" }], neighbourhood: "unknown" };

/** The networks of a client's address; an IPv4 address may come in IPv6's clothes. */
export function networksOf(address: string): ClientNetworks {
  if (!ipaddr.isValid(address)) return nowhere;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === "ipv4") {
    const text = parsed.toString();
    return {
      sources: [{ text: `${text}/32`, width: "v4" }],
      neighbourhood: `${text.replace(/\d+$/, "0")}/24`,
    };
  }
  const bytes = parsed.toByteArray();
  const [link, site, customer] = [64, 56, 48].map((bits) => prefixOf(bytes, bits)) as [
    string,
    string,
    string,
  ];
  return {
    sources: [
      { text: link, width: "v6-64" },
      { text: site, width: "v6-56" },
      { text: customer, width: "v6-48" },
    ],
    neighbourhood: customer,
  };
}

function prefixOf(bytes: readonly number[], bits: number): string {
  const kept = bytes.map((byte, at) => (at < bits / 8 ? byte : 0));
  return `${ipaddr.fromByteArray(kept).toString()}/${bits}`;
}

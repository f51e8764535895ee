import ipaddr from "ipaddr.js";

/** Addresses that lie in public ranges and yet lead to a cloud's own machinery. */
const CLOUD_MACHINERY = new Set(["168.63.129.16"]);

const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3];

/** RFC 5214 §6.1: an IPv4 address, private ones too, inside an interface identifier. */
const ISATAP = [
  [0, 0x5efe],
  [0x200, 0x5efe],
];

/**
 * Whether an address in its usual form (as a resolver or the URL standard writes it, without brackets) belongs to the
 * public internet. Anything in doubt is not: ranges with a special purpose, those that carry an IPv4 address inside
 * (mapped, compatible, 6to4, Teredo, NAT64, ISATAP), a zone, another spelling.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.kind() === "ipv4") {
    // `0177.0.0.1` and its like: two readers may take them for two addresses.
    return address.toString() === text && address.range() === "unicast" && !CLOUD_MACHINERY.has(text);
  }
  const { parts, zoneId } = address as ipaddr.IPv6;
  // ipaddr.js takes ::/96 and whatever is not assigned yet for unicast; RFC 4291 §2.4 gives out 2000::/3 only.
  return (
    zoneId === undefined &&
    address.match(GLOBAL_UNICAST) &&
    address.range() === "unicast" &&
    !ISATAP.some(([high, low]) => parts[4] === high && parts[5] === low)
  );
}

/** What a provider gives one household (RFC 6177): its other devices have public addresses too. */
const HOUSEHOLD_BITS = 56;

/**
 * Whether a public address is this machine's own, or its household's: a printer with an IPv6 address of its own is no
 * less inside for being public. `own` are the machine's addresses.
 */
export function isOwnNetwork(text: string, own: readonly string[]): boolean {
  const address = ipaddr.parse(text);
  return own.some((candidate) => {
    if (!ipaddr.isValid(candidate)) return false;
    const mine = ipaddr.process(candidate);
    if (mine.kind() !== address.kind()) return false;
    return address.match(mine, mine.kind() === "ipv4" ? 32 : HOUSEHOLD_BITS);
  });
}

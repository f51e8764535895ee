import { isPublicAddress } from "./vet-address.ts";

/** Why a URL is not fetched. */
export type UrlFault = "not-a-url" | "scheme" | "port" | "credentials" | "host";

/** Longest URL in bytes that is fetched. */
export const FETCH_URL_MAX_BYTES = 4_096;

/** Names that no public resolver should be asked for: RFC 6761, 6762, 7686, 8375, ICANN's `internal`, and usual ones. */
const INNER_SUFFIXES = [
  ["localhost", "local", "internal", "intranet", "private", "home.arpa", "home", "lan", "corp"],
  ["localdomain", "onion", "in-addr.arpa", "ip6.arpa"],
].flat();
const METADATA_NAMES = new Set(["metadata.goog"]);

/**
 * Reads a URL that somebody else chose. What is returned is the one object to be fetched: a second reading of the text
 * could end elsewhere. `ownHosts` are this server's own public names, lower-case: it is no client of itself.
 */
export function vetUrl(text: string, ownHosts: ReadonlySet<string>): URL | UrlFault {
  if (text.length > FETCH_URL_MAX_BYTES) return "not-a-url";
  const url = URL.parse(text);
  if (url === null || url.href.length > FETCH_URL_MAX_BYTES) return "not-a-url";
  if (url.protocol !== "http:" && url.protocol !== "https:") return "scheme";
  if (url.username !== "" || url.password !== "") return "credentials";
  // The URL parser drops a scheme's own port; the other scheme's is an odd server, and still a web server.
  if (url.port !== "" && url.port !== "80" && url.port !== "443") return "port";
  if (!isPublicHost(url.hostname, ownHosts)) return "host";
  url.hash = "";
  return url;
}

function isPublicHost(host: string, ownHosts: ReadonlySet<string>): boolean {
  if (host.startsWith("[")) return isPublicAddress(host.slice(1, -1));
  // The URL standard has brought decimal, hex, octal, short and fullwidth forms to four parts by now.
  if (/^[0-9.]+$/.test(host)) return isPublicAddress(host);
  // A name without a dot, or one that ends with a dot, means other things to other resolvers.
  if (host.length > 253 || !/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(host)) return false;
  if (ownHosts.has(host) || METADATA_NAMES.has(host)) return false;
  return !INNER_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

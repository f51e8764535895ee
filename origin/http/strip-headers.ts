import type { IncomingMessage } from "node:http";
import { isForbiddenHeader, withoutAccessCookies } from "../../shared/headers.ts";

/** Names are few and recur: the answer for each is kept. Bounded, for a client chooses names. */
const verdictsKept = 512;

/**
 * Takes from a verified request what no app may see: the edge's own fields, and every header by which a client
 * could claim an identity, those that some app `trusts` (folded names) among them. The edge dropped the same list;
 * this holds where a request came another way. The host becomes the signed one, for the `Host` field is whatever the
 * way to the origin made of it.
 */
export function createHeaderStripper(
  trusts: ReadonlySet<string>,
): (incoming: IncomingMessage, host: string) => void {
  const verdicts = new Map<string, boolean>();
  const isForbidden = (name: string): boolean => {
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = isForbiddenHeader(name, trusts);
    if (verdicts.size < verdictsKept) verdicts.set(name, verdict);
    return verdict;
  };
  return function stripHeaders(incoming, host) {
    strip(incoming, host, isForbidden);
  };
}

function strip(incoming: IncomingMessage, host: string, isForbidden: (name: string) => boolean): void {
  const raw = incoming.rawHeaders;
  const headers = incoming.headers;
  let kept = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? "";
    if (isForbidden(name)) {
      delete headers[name.toLowerCase()];
      continue;
    }
    raw[kept] = name;
    raw[kept + 1] = raw[index + 1] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") raw[kept + 1] = host;
    kept += 2;
  }
  raw.length = kept;
  headers.host = host;
  if (headers.cookie !== undefined && /cf_(?:authorization|appsession)/i.test(headers.cookie)) {
    stripCookies(incoming);
  }
}

function stripCookies(incoming: IncomingMessage): void {
  const cookies = withoutAccessCookies(incoming.headers.cookie ?? "");
  const others = incoming.rawHeaders.flatMap((name, index, raw) =>
    index % 2 === 1 || name.toLowerCase() === "cookie" ? [] : [name, raw[index + 1] ?? ""],
  );
  // In place: node's own view of the fields stays the one that everybody reads.
  incoming.rawHeaders.splice(0, Infinity, ...others, ...(cookies === undefined ? [] : ["Cookie", cookies]));
  if (cookies === undefined) delete incoming.headers.cookie;
  else incoming.headers.cookie = cookies;
}

import { isForbiddenHeader, withoutAccessCookies } from "../../shared/headers.ts";
import type { Visit } from "../visit.ts";

/** Takes off every header by which a client could claim an identity, an address or another target. */
export function stripHeaders({ edge, headers, request }: Visit): void {
  // Over the original: deleting from what is being walked would skip the next name.
  for (const name of request.headers.keys()) {
    if (isForbiddenHeader(name, edge.trustedHeaders)) headers.delete(name);
  }
  const cookies = headers.get("cookie");
  if (cookies !== null) {
    const kept = withoutAccessCookies(cookies);
    if (kept === undefined) headers.delete("cookie");
    else headers.set("cookie", kept);
  }
  if (request.method === "GET" || request.method === "HEAD") headers.delete("content-length");
  // The edge compresses for its clients; what the origin compressed would have to be undone here.
  headers.set("accept-encoding", "identity");
}

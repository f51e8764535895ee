import { EdgeSettingsError } from "./edge.ts";
import type { Bindings, Env } from "./env.ts";

/**
 * Adds ORIGIN where the deployment has no binding for it: the tunnel's hostname, closed by an Access application that
 * lets in this Worker's service token only. Nothing behind this function knows which way was chosen.
 *
 * @throws EdgeSettingsError when neither way is set, or the token is missing.
 */
export function reachOrigin(bindings: Bindings): Env {
  if (bindings.ORIGIN !== undefined) return { ...bindings, ORIGIN: bindings.ORIGIN };
  const { ORIGIN_HOST, ORIGIN_CLIENT_ID, ORIGIN_CLIENT_SECRET } = bindings;
  if (ORIGIN_HOST === undefined)
    throw new EdgeSettingsError(
      "neither ORIGIN nor ORIGIN_HOST is set: run burrow edge config and deploy again",
    );
  if (ORIGIN_CLIENT_ID === undefined || ORIGIN_CLIENT_SECRET === undefined)
    throw new EdgeSettingsError(
      "ORIGIN_CLIENT_ID and ORIGIN_CLIENT_SECRET, the service token for the tunnel, are not set: wrangler secret put",
    );
  const token = { "cf-access-client-id": ORIGIN_CLIENT_ID, "cf-access-client-secret": ORIGIN_CLIENT_SECRET };
  return { ...bindings, ORIGIN: { fetch: (request) => fetch(redirect(request, ORIGIN_HOST, token)) } };
}

/** The same request to the tunnel's host. Path and query, which are signed, stay as they are. */
function redirect(request: Request, host: string, token: Record<string, string>): Request {
  const url = new URL(request.url);
  url.protocol = "https:";
  url.host = host;
  const there = new Request(url, request);
  for (const [name, value] of Object.entries(token)) there.headers.set(name, value);
  return there;
}

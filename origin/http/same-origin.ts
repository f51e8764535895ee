import type { Client, RequestFields } from "./request-context.ts";

/**
 * Whether a request was made by a page of the very host that it goes to (G4). Sibling apps are same-site, so only
 * the same origin counts; and a browser always sends `Origin` with an unsafe method, so that none is a refusal.
 */
export function isSameOrigin(client: Client, headers: RequestFields): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin") return false;
  return headers.get("origin") === originOf(client);
}

/** `https://files.example.org`: the origin of the host that was asked for, or of another of ours, as browsers write it. */
export function originOf({ scheme, host, port }: Client, ofHost = host): string {
  return port === undefined ? `${scheme}://${ofHost}` : `${scheme}://${ofHost}:${port}`;
}

import { REPLY_HEADER } from "../../shared/reply-proof.ts";
import { appOfUrl, PROXIED_PREFIX } from "../../shared/hosts.ts";
import {
  ALWAYS_HEADERS,
  APP_DEFAULT_HEADERS,
  DEFAULT_HEADERS,
  FIXED_HEADERS,
  TELLTALE_HEADERS,
} from "../../shared/security-headers.ts";
import type { Visit } from "../visit.ts";

/** The reply as the client gets it: security headers exactly once, nothing of ours or about our software left on it. */
export function dressReply({ edge, secure, url }: Visit, response: Response): Response {
  const isProxied = appOfUrl(edge.hosts, url)?.startsWith(PROXIED_PREFIX) ?? false;
  const headers = new Headers(response.headers);
  headers.delete(REPLY_HEADER);
  for (const name of TELLTALE_HEADERS) headers.delete(name);
  for (const [name, value] of isProxied ? ALWAYS_HEADERS : FIXED_HEADERS) headers.set(name, value);
  for (const [name, value] of isProxied ? APP_DEFAULT_HEADERS : DEFAULT_HEADERS)
    if (!headers.has(name)) headers.set(name, value);
  // RFC 6797 §7.2: never over plain HTTP.
  if (secure && edge.hsts !== undefined) headers.set("strict-transport-security", edge.hsts);
  else headers.delete("strict-transport-security");
  // Nothing is kept that did not say so. A file whose content never changes is its reader's to keep (`private,
  // immutable`): a browser would fetch each face again and again, and every request counts.
  if (!/\b(?:public|immutable)\b/i.test(headers.get("cache-control") ?? ""))
    headers.set("cache-control", "no-store");
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
    ...(response.webSocket ? { webSocket: response.webSocket } : {}),
  });
}

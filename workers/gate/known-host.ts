import { appOfUrl } from "../../shared/hosts.ts";
import type { Visit } from "../visit.ts";

/** A host that is none of ours gets 421 (RFC 9110 §15.5.20) and not a word more. */
export function requireKnownHost({ edge, url }: Visit): Response | undefined {
  return appOfUrl(edge.hosts, url) === undefined ? new Response(null, { status: 421 }) : undefined;
}

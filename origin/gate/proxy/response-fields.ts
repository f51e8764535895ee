import type { ListenAddress } from "../../config/config.ts";
import { isLoopback } from "../../config/settings.ts";
import { narrowSetCookie } from "./cookies.ts";
import { connectionNames, HOP_BY_HOP } from "./hop-by-hop.ts";

/** What an upstream's answer is read by. */
export interface Frontage {
  /** Public, without a port: cookies are judged by it. */
  readonly host: string;
  /** `https://notes.example.org`. */
  readonly origin: string;
  readonly upstream: ListenAddress;
}

type Answered = Readonly<Record<string, string | string[] | undefined>>;

/** Fields of the answer as the client gets them, names and values in turns. */
export function responseFields(answered: Answered, status: number, frontage: Frontage): string[] {
  const fields: string[] = [];
  const named = connectionNames(answered["connection"]);
  for (const name in answered) {
    const value = answered[name];
    if (value === undefined || HOP_BY_HOP.has(name) || named?.has(name)) continue;
    // Only the listener may vouch for an answer (E1).
    if (name.startsWith("burrow-")) continue;
    if (name === "content-length" && !mayTellLength(answered, status)) continue;
    for (const each of typeof value === "string" ? [value] : value) {
      const kept = keep(name, each, frontage);
      if (kept !== undefined) fields.push(name, kept);
    }
  }
  return fields;
}

function keep(name: string, value: string, frontage: Frontage): string | undefined {
  if (name === "set-cookie") return narrowSetCookie(value, frontage.host);
  if (name === "location") return publicLocation(value, frontage);
  return value;
}

/** RFC 9112 §6.3: a coding overrides a length, so that one beside it is at best wrong; 204 has none (RFC 9110 §8.6). */
function mayTellLength(answered: Answered, status: number): boolean {
  return answered["transfer-encoding"] === undefined && status !== 204;
}

/** An app that writes its own loopback address into a redirect means the host that it is shown on. */
function publicLocation(location: string, { origin, upstream }: Frontage): string {
  const match = /^http:\/\/(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?(?=[/?#]|$)/i.exec(location);
  const host = (match?.[1] ?? match?.[2] ?? "").toLowerCase();
  if (!match || upstream.kind !== "tcp" || Number(match[3] ?? 80) !== upstream.port) return location;
  if (host !== "localhost" && !isLoopback(host)) return location;
  const rest = location.slice(match[0].length);
  return `${origin}${rest.startsWith("/") ? "" : "/"}${rest}`;
}

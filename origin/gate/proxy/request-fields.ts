import type { IncomingMessage } from "node:http";
import type { Client } from "../../http/request-context.ts";
import { withoutOwnCookies } from "./cookies.ts";
import { connectionNames, HOP_BY_HOP } from "./hop-by-hop.ts";

/** What an upstream is told that its client did not say: names and values in turns. */
export type Told = readonly string[];

/**
 * The fields of a request as the upstream gets them, names and values in turns. The listener has dropped by then what
 * claims an identity (E2); here go what is about the connection, the gate's cookies and, where it was for the gate,
 * the credential. What is `told` comes last and has no twin: those very names were dropped.
 */
export function requestFields(
  incoming: IncomingMessage,
  options: { client: Client; told: Told; hasBody: boolean; keepsCredential: boolean },
): string[] {
  const { client, told, hasBody, keepsCredential } = options;
  const raw = incoming.rawHeaders;
  const named = connectionNames(incoming.headers.connection);
  const host = incoming.headers.host ?? client.host;
  const fields = ["host", host];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? "";
    const value = raw[index + 1] ?? "";
    const lower = name.toLowerCase();
    // `expect` was answered by the listener already.
    if (lower === "host" || lower === "expect" || HOP_BY_HOP.has(lower) || named?.has(lower)) continue;
    if (lower === "cookie") {
      const cookies = withoutOwnCookies(value);
      if (cookies !== undefined) fields.push(name, cookies);
    } else if (lower === "content-length" ? hasBody : lower !== "authorization" || keepsCredential) {
      fields.push(name, value);
    }
  }
  fields.push(
    "x-forwarded-for",
    client.address,
    "x-forwarded-proto",
    client.scheme,
    "x-forwarded-host",
    host,
  );
  for (const text of told) fields.push(text);
  return fields;
}

/**
 * Whether a request has content to pass on. That of a GET or HEAD has no meaning (RFC 9110 §9.3.1) and some servers
 * leave it lying on the connection, as the next request's beginning; so it is never sent.
 */
export function hasContent(incoming: IncomingMessage): boolean {
  const { method, headers } = incoming;
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || headers["content-length"] !== undefined;
}

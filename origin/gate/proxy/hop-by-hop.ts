/**
 * Fields that are about one connection and end at whoever reads them (RFC 9110 §7.6.1), and the two by which proxies
 * ask for passwords of their own.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const usual = /^\s*(?:keep-alive|close|upgrade)?\s*$/i;

/** The names, in lower case, of further fields that a `Connection` field says are about the connection only. */
export function connectionNames(
  field: string | readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (field === undefined) return undefined;
  const text = typeof field === "string" ? field : field.join(",");
  if (usual.test(text)) return undefined;
  return new Set(text.split(",").map((name) => name.trim().toLowerCase()));
}

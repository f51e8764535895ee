/** Fields that clients and servers use among themselves; a name of these cannot be one that claims an identity. */
const TRANSPORT_FIELDS = new Set([
  "age",
  "authorization",
  "cache-control",
  "connection",
  "cookie",
  "date",
  "depth",
  "destination",
  "dnt",
  "expect",
  "from",
  "host",
  "keep-alive",
  "last-event-id",
  "location",
  "lock-token",
  "max-forwards",
  "origin",
  "overwrite",
  "pragma",
  "prefer",
  "priority",
  "range",
  "referer",
  "te",
  "timeout",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "via",
  "warning",
  "x-requested-with",
]);
const TRANSPORT_PREFIXES = ["accept", "access-control-", "content-", "if-", "proxy-", "sec-", "set-cookie"];

/** Whether a text can name a field (RFC 9110 §5.6.2, `token`). */
export function isFieldName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name);
}

/** Whether a field belongs to HTTP or to a protocol over it, so that no app can claim it for itself. */
export function isTransportField(name: string): boolean {
  const lower = name.toLowerCase();
  return TRANSPORT_FIELDS.has(lower) || TRANSPORT_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

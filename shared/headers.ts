const DROPPED_NAMES = new Set([
  "signature",
  "signature-input",
  "x-auth-user",
  "x-auth-email",
  "x-auth-groups",
  "x-auth-name",
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
]);

const DROPPED_PREFIXES = [
  "burrow-",
  "x-burrow-",
  "cf-",
  "remote-",
  "x-auth-request-",
  "x-forwarded",
  "x-original-",
  "x-rewrite-",
  "x-http-method",
];

const NONE: ReadonlySet<string> = new Set();

const DROPPED_COOKIES = new Set(["cf_authorization", "cf_appsession"]);

/** A header name as gateways of the CGI family see it: case gone, and `_` no different from `-`. */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/**
 * Whether a client's header of this name claims an identity, an address or another target, and so must not survive.
 * `trusted` holds the folded names that some app takes at their word.
 */
export function isForbiddenHeader(name: string, trusted: ReadonlySet<string> = NONE): boolean {
  const folded = foldHeaderName(name);
  return (
    DROPPED_NAMES.has(folded) ||
    trusted.has(folded) ||
    DROPPED_PREFIXES.some((prefix) => folded.startsWith(prefix))
  );
}

/** A `Cookie` field without the cookies of Cloudflare Access, or undefined when nothing is left. */
export function withoutAccessCookies(field: string): string | undefined {
  const kept = field.split(";").filter((pair) => {
    const name = pair.split("=", 1)[0] ?? "";
    return pair.trim() !== "" && !DROPPED_COOKIES.has(name.trim().toLowerCase());
  });
  return kept.length === 0 ? undefined : kept.map((pair) => pair.trim()).join("; ");
}

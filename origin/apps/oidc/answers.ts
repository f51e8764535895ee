/** Matrix clients in browsers use these from any origin; none of them looks at a cookie. */
export const openToBrowsers: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "Content-Type, Authorization, X-Requested-With",
  "access-control-max-age": "3600",
};

/** RFC 6749 §5.2, RFC 7591 §3.2.2. `description`: for the client's developer. */
export function oauthError(
  status: number,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return oauthAnswer({ error, error_description: description }, status, headers);
}

/** RFC 6749 has no code of its own for it. */
export function tooMany(waitMs: number): Response {
  return oauthError(429, "temporarily_unavailable", "that is too much at once, try again later", {
    "retry-after": String(Math.ceil(waitMs / 1000)),
  });
}

/** RFC 6749 §5.1: what holds a token is kept by nobody on the way. */
export function oauthAnswer(
  body: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, {
    status,
    headers: { ...openToBrowsers, "cache-control": "no-store", ...headers },
  });
}

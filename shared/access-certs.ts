/** Where a team publishes its keys (Cloudflare One, "Validate JWTs"). Apart from what verifies by them, which is large. */
export function certsUrlOf(team: string): string {
  return `https://${team}/cdn-cgi/access/certs`;
}

/** Bytes of the key set that are read at most; Cloudflare's has about 7,000. */
export const CERTS_MAX_BYTES = 64_000;

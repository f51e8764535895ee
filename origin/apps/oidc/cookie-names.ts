/**
 * Names of the provider's cookies. The interaction's are bound to their paths, which a `__Host-` cookie cannot be. While
 * developing there is no TLS, and the provider then sets no `Secure`, which both prefixes need.
 */
export function cookieNames(issuer: string): Record<"session" | "interaction" | "resume", string> {
  const isHttps = issuer.startsWith("https:");
  return {
    session: `${isHttps ? "__Host-" : ""}burrow-oidc`,
    interaction: `${isHttps ? "__Secure-" : ""}burrow-oidc-interaction`,
    resume: `${isHttps ? "__Secure-" : ""}burrow-oidc-resume`,
  };
}

import type { Config } from "../../config/config.ts";

/** Grants by name, as clients ask for them and the metadata lists them. */
export const deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";

/** Where the parts of the OAuth 2.0 server are, on the sign-in host. */
export const oauthPaths = {
  authorization: "/oidc/authorize",
  token: "/oidc/token",
  jwks: "/oidc/keys",
  registration: "/oidc/register",
  revocation: "/oidc/revoke",
  userinfo: "/oidc/userinfo",
  device_authorization: "/oidc/device-authorization",
  /** Where a person types the code that a device shows. */
  code_verification: "/oidc/device",
  /** Account management (Matrix §OAuth 2.0 account management). */
  account: "/oidc/account",
  crossSigningReset: "/oidc/account/cross-signing-reset",
  deactivate: "/oidc/account/deactivate",
} as const;

/** The origin of the sign-in host, and the issuer of every token: `https://id.example.org`. Never what a request says. */
export function issuerOf(config: Pick<Config, "serverName" | "publicUrl">): string {
  const url = new URL(config.publicUrl);
  url.hostname = `id.${config.serverName}`;
  return url.origin;
}

/** The acts that the account management URL leads to. Names and pictures are the chat apps' own to change. */
const accountActions = [
  "org.matrix.devices_list",
  "org.matrix.device_view",
  "org.matrix.device_delete",
  "org.matrix.account_deactivate",
  "org.matrix.cross_signing_reset",
] as const;

/**
 * The server's metadata: OpenID Connect Discovery 1.0 §3, RFC 8414 and Matrix's `GET /auth_metadata` in one, for the
 * fields do not conflict. Written down here rather than asked of the provider, which would have to be loaded for it.
 */
export function serverMetadata(config: Pick<Config, "serverName" | "publicUrl">): Record<string, unknown> {
  const issuer = issuerOf(config);
  const at = (name: keyof typeof oauthPaths): string => issuer + oauthPaths[name];
  return {
    issuer,
    authorization_endpoint: at("authorization"),
    token_endpoint: at("token"),
    jwks_uri: at("jwks"),
    registration_endpoint: at("registration"),
    revocation_endpoint: at("revocation"),
    userinfo_endpoint: at("userinfo"),
    device_authorization_endpoint: at("device_authorization"),
    account_management_uri: at("account"),
    account_management_actions_supported: accountActions,
    response_types_supported: ["code"],
    response_modes_supported: ["query", "fragment"],
    grant_types_supported: ["authorization_code", "refresh_token", deviceCodeGrant],
    code_challenge_methods_supported: ["S256"],
    prompt_values_supported: ["none", "login", "consent", "create"],
    scopes_supported: ["openid", "offline_access", "profile", "email", "groups"],
    claims_supported: [
      "sub",
      "name",
      "preferred_username",
      "email",
      "email_verified",
      "groups",
      "auth_time",
      "iss",
    ],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256", "RS256"],
    token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
    revocation_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post"],
    authorization_response_iss_parameter_supported: true,
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  };
}

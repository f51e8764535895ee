import type { ClientMetadata } from "oidc-provider";
import type { OidcClient } from "../../config/oidc-clients.ts";
import type { Member } from "../../members/members.ts";

/** The apps of burrow.toml, by id. Any other client has registered itself, for Matrix. */
export type OwnClients = ReadonlyMap<string, OidcClient>;

export const clientsById = (clients: readonly OidcClient[]): OwnClients =>
  new Map(clients.map((client) => [client.id, client]));

/** As the provider takes it. Undefined while the app's secret is missing: then nobody can sign in to it. */
export function describeClient(client: OidcClient, secret: string | undefined): ClientMetadata | undefined {
  const { id, name, redirectUris, authMethod, signedBy } = client;
  if (authMethod !== "none" && secret === undefined) return undefined;
  const isNative = redirectUris.every((uri) => !/^https?:/i.test(uri));
  return {
    client_id: id,
    client_name: name,
    redirect_uris: [...redirectUris],
    application_type: isNative ? "native" : "web",
    token_endpoint_auth_method: authMethod,
    ...(authMethod !== "none" && secret !== undefined && { client_secret: secret }),
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    id_token_signed_response_alg: signedBy,
  };
}

/** Whether the owner lets the member use the app. A suspended member may read in Matrix, and use nothing else. */
export function mayUse({ who }: OidcClient, { name, role, state, lockedAt }: Member): boolean {
  if (state !== "active" || lockedAt !== null) return false;
  if (who === "members") return true;
  return who === "owner" ? role === "owner" : who.includes(name);
}

/** The claim `groups`. */
export function groupsOf(client: OidcClient, { name, role }: Member): string[] {
  const special = Object.entries(client.groups).filter(([, names]) => names.includes(name));
  return ["members", ...(role === "owner" ? ["owner"] : []), ...special.map(([group]) => group)];
}

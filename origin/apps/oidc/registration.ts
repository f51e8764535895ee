import { hash } from "node:crypto";
import type { Context } from "hono";
import type { HttpEnv } from "../../http/request-context.ts";
import { oauthAnswer, oauthError, tooMany } from "./answers.ts";
import { ClientMetadataError, readClientMetadata, type RegisteredMetadata } from "./client-metadata.ts";
import { readSmallBody } from "./form.ts";
import type { OidcContext } from "./oidc-context.ts";

/** So many clients may be registered at once; a household uses a handful. */
const most = 1_000;
/** How long one that nobody has signed in with is kept, in ms: a person may take a while to come back. */
const keptUnused = 30 * 24 * 60 * 60 * 1000;
/** When there are too many, those that were just registered stay all the same. */
const keptAlways = 60 * 60 * 1000;

/**
 * Dynamic client registration (RFC 7591), open to all as Matrix wants it. The same client gets the same id each time, so
 * that an app that registers at every sign-in takes one row; it has no secret that others could then use.
 */
export async function register(c: Context<HttpEnv>, oidc: OidcContext): Promise<Response> {
  const wait = oidc.limits.take("registration", { address: c.env.context.client.address });
  if (wait > 0) return tooMany(wait);
  const body = await readSmallBody(c.req.raw);
  if (!body) return oauthError(413, "invalid_client_metadata", "the metadata is too long");
  let metadata: RegisteredMetadata;
  try {
    metadata = readClientMetadata(JSON.parse(new TextDecoder().decode(body)), {
      development: oidc.config.mode === "development",
    });
  } catch (error) {
    if (error instanceof SyntaxError) {
      return oauthError(400, "invalid_client_metadata", "the body is not JSON");
    }
    if (error instanceof ClientMetadataError) return oauthError(400, error.code, error.message);
    throw error;
  }
  const clientId = hash("sha256", JSON.stringify(metadata), "base64url").slice(0, 26);
  if (!(await makeRoom(oidc, clientId))) {
    return oauthError(503, "temporarily_unavailable", "too many clients are registered", {
      "retry-after": "3600",
    });
  }
  const client = { client_id: clientId, ...metadata };
  await oidc.entries.adapter("Client").upsert(clientId, { ...client, ...describe(metadata) });
  return oauthAnswer({ ...client, client_id_issued_at: Math.floor(oidc.now() / 1000) }, 201);
}

/** As the provider takes it. */
function describe({ redirect_uris, response_types, grant_types }: RegisteredMetadata) {
  return {
    // Of the scopes that are not Matrix's: who a member is, is for the owner's apps to know.
    scope: "openid offline_access",
    redirect_uris: [...redirect_uris],
    response_types: [...response_types],
    grant_types: [...grant_types],
  };
}

async function makeRoom(
  { entries: { clients }, members, now }: OidcContext,
  clientId: string,
): Promise<boolean> {
  if (clients.has(clientId) || clients.count() < most) return true;
  return (await clients.removeUnused(now() - keptAlways, members.oauthClients(), most / 10)) > 0;
}

/** Forgets clients that nobody has a session of any more. */
export async function expireClients({ entries, members, now }: OidcContext): Promise<void> {
  await entries.clients.removeUnused(now() - keptUnused, members.oauthClients(), most);
}

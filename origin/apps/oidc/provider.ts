import type { EventEmitter } from "node:events";
import type Provider from "oidc-provider";
import type { Configuration, KoaContextWithOIDC, errors as Errors } from "oidc-provider";
import { openOidcKeys } from "../../config/oidc-keys.ts";
import { oauthPaths } from "../../gate/oauth/authorization-server.ts";
import { findAccount } from "./account.ts";
import { answerWithPage } from "./ask-provider.ts";
import { cookieNames } from "./cookie-names.ts";
import { describeClient } from "./clients.ts";
import { codeConfirmPage, codeInputPage, deviceReadyPage } from "./device-pages.ts";
import { errorPage } from "./error-page.ts";
import { readMatrixScope } from "./matrix-scope.ts";
import type { OidcContext } from "./oidc-context.ts";
import { loadLibrary } from "./load-library.ts";
import { createPolicy } from "./policy.ts";

const minute = 60;
const day = 24 * 60 * minute;

/** Seconds. */
const lifetimes = {
  AccessToken: 60 * minute,
  AuthorizationCode: minute,
  DeviceCode: 10 * minute,
  IdToken: 60 * minute,
  Interaction: 30 * minute,
  RefreshToken: 90 * day,
  Session: 14 * day,
  Grant: 365 * day,
};

/** The provider, loaded when it is first needed: it takes some 45 MB. */
export async function createProvider(oidc: OidcContext): Promise<Provider> {
  const library = await loadLibrary();
  const keys = await openOidcKeys(oidc.config.dataDir, oidc.log);
  const policy = createPolicy(library.interactionPolicy, oidc);
  const provider = new library.Provider(oidc.issuer, {
    ...configure(oidc, library.errors),
    jwks: { keys },
    interactions: { policy, url: (_ctx, { uid }) => `/oidc/interaction/${uid}` },
  });
  provider.on("server_error", (_ctx, error) => oidc.log.error("oidc.request.failed", { error }));
  // Koa would write it to the terminal.
  (provider as EventEmitter).on("error", (error: unknown) =>
    oidc.log.error("oidc.request.failed", { error }),
  );
  return provider;
}

function configure(oidc: OidcContext, errors: typeof Errors): Configuration {
  const { config, issuer, ownClients, clientSecret } = oidc;
  const clients = [...ownClients.values()].map((client) => describeClient(client, clientSecret(client.id)));
  const cookie = { httpOnly: true, sameSite: "lax", signed: false } as const;
  return {
    adapter: oidc.entries.adapter,
    clients: clients.filter((client) => client !== undefined),
    clientDefaults: { grant_types: ["authorization_code"], response_types: ["code"] },
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    // Many apps read the ID token alone, and do not ask the userinfo endpoint.
    conformIdTokenClaims: false,
    scopes: ["openid", "offline_access"],
    responseTypes: ["code"],
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post"],
    pkce: { required: () => true },
    routes: {
      authorization: oauthPaths.authorization,
      token: oauthPaths.token,
      jwks: oauthPaths.jwks,
      registration: oauthPaths.registration,
      revocation: oauthPaths.revocation,
      userinfo: oauthPaths.userinfo,
      device_authorization: oauthPaths.device_authorization,
      code_verification: oauthPaths.code_verification,
    },
    // Each redirect URI is named in full, also where there is but one.
    allowOmittingSingleRegisteredRedirectUri: false,
    cookies: {
      names: cookieNames(issuer),
      long: cookie,
      short: cookie,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      userinfo: { enabled: true },
      deviceFlow: {
        enabled: true,
        charset: "base-20",
        mask: "****-****",
        deviceInfo: ({ ip }) => ({ ip }),
        userCodeInputSource: (ctx, _form, _out, error) => answerWithPage(ctx, codeInputPage(ctx, error)),
        userCodeConfirmSource: (ctx, _form, client, info, code) =>
          answerWithPage(ctx, codeConfirmPage(ctx, { client, info, code, serverName: config.serverName })),
        successSource: (ctx) => answerWithPage(ctx, deviceReadyPage(ctx)),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, oneOf) =>
          oneOf?.[0] ?? (requireScope(ctx, client.clientId) === undefined ? undefined : config.publicUrl),
        useGrantedResource: () => true,
        getResourceServerInfo(ctx, resource, client) {
          const scope = requireScope(ctx, client.clientId);
          if (resource !== config.publicUrl || scope === undefined) throw new errors.InvalidTarget();
          return { scope, audience: resource, accessTokenFormat: "opaque" };
        },
      },
    },
    // Matrix sessions have refresh tokens of their own.
    issueRefreshToken: (_ctx, client, { scopes }) =>
      ownClients.has(client.clientId) && scopes.has("offline_access"),
    rotateRefreshToken: true,
    loadExistingGrant: (ctx) => loadGrant(ctx, oidc),
    findAccount: (ctx, subject, token) => findAccount(oidc, ctx, subject, token !== undefined),
    clientBasedCORS: () => true,
    ttl: {
      ...lifetimes,
      // The homeserver's session takes over: a Matrix client's grant is done with its code.
      Grant: (_ctx, grant) => (ownClients.has(grant.clientId ?? "") ? lifetimes.Grant : 15 * minute),
    },
    renderError: (ctx, out) => answerWithPage(ctx, errorPage(out)),
  };

  /**
   * The Matrix scope of the request or of the code that stands for it; undefined where there is none. A client that has
   * registered itself is for Matrix alone, and the owner's apps are not.
   */
  function requireScope(ctx: KoaContextWithOIDC, clientId: string): string | undefined {
    const { params, entities } = ctx.oidc;
    const asked = params?.["scope"] ?? entities.AuthorizationCode?.scope ?? entities.DeviceCode?.scope;
    const text = typeof asked === "string" ? asked : undefined;
    const isOwn = ownClients.has(clientId);
    let scope: ReturnType<typeof readMatrixScope>;
    try {
      scope = readMatrixScope(text);
    } catch (error) {
      throw new errors.InvalidScope((error as Error).message, text ?? "");
    }
    if (isOwn && scope)
      throw new errors.InvalidScope("this client is not for Matrix", scope.tokens.join(" "));
    if (!isOwn && (!scope || config.matrix.oauth === "off")) {
      throw new errors.InvalidScope("a client that has registered itself must ask for Matrix", text ?? "");
    }
    return scope?.tokens.join(" ");
  }
}

/** The owner's apps are granted what they ask for of the claims that there are; the others what was agreed to. */
async function loadGrant({ oidc }: KoaContextWithOIDC, { ownClients }: OidcContext) {
  const { provider, client, session, params, result } = oidc;
  const agreed = result?.consent?.grantId;
  if (agreed !== undefined) return await provider.Grant.find(agreed);
  if (client === undefined || !ownClients.has(client.clientId)) return undefined;
  const known = session?.grantIdFor(client.clientId);
  const grant =
    (known === undefined ? undefined : await provider.Grant.find(known)) ??
    new provider.Grant({ clientId: client.clientId, accountId: session?.accountId ?? "" });
  const scope = params?.["scope"];
  if (typeof scope === "string") grant.addOIDCScope(scope);
  await grant.save();
  return grant;
}

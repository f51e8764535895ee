import { type Context, Hono } from "hono";
import type { App, AppContext, Check } from "../../app.ts";
import { issuerOf, oauthPaths, serverMetadata } from "../../gate/oauth/authorization-server.ts";
import { isSameOrigin } from "../../http/same-origin.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createRateLimits, type LimitName } from "../../members/rate-limits.ts";
import { createPages } from "../../pages/pages.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { createAccountPages } from "./account-pages.ts";
import { openToBrowsers, tooMany } from "./answers.ts";
import { clientsById } from "./clients.ts";
import { readSmallBody } from "./form.ts";
import { cookieNames } from "./cookie-names.ts";
import { createInteractions, tooOldPage } from "./interaction.ts";
import type { OidcContext, OpenMatrixSession } from "./oidc-context.ts";
import { expireClients, register } from "./registration.ts";
import { serveProvider } from "./serve-provider.ts";
import { createStanding } from "./standing.ts";
import { createEntries } from "./store/entries.ts";
import { oidcMigrations } from "./store/migrations.ts";
import { createOpenedDevices } from "./store/opened-devices.ts";
import { createSubjects } from "./store/subjects.ts";
import { answerRevocation, answerToken } from "./token-endpoint.ts";
import { requireHere } from "./who-is-here.ts";

const hour = 60 * 60 * 1000;

/** The OAuth 2.0 and OpenID Connect server of the sign-in host: for the owner's apps, and for Matrix clients. */
export function createOidcApp(
  context: AppContext,
  ports: {
    readonly clientSecret: (clientId: string) => string | undefined;
    readonly openMatrixSession: OpenMatrixSession;
  },
): App {
  const oidc = createOidcContext(context, ports);
  const served = serveProvider(oidc);
  const routes = new Hono<HttpEnv>();
  mountPrograms(routes, oidc, served);
  mountPeople(routes, oidc, served);

  const tidy = (): void => {
    const work = [oidc.entries.expire(), oidc.openedDevices.expire(), expireClients(oidc)];
    for (const each of work) each.catch((error: unknown) => oidc.log.error("oidc.tidy-failed", { error }));
  };
  tidy();
  const timer = setInterval(tidy, hour).unref();

  return {
    name: "oidc",
    host: "id",
    routes,
    backup: { databases: ["oidc"], blobs: [] },
    doctor: () => checkClients(oidc),
    close: () => clearInterval(timer),
  };
}

/** An app whose secret is missing cannot sign anybody in, and only says that it cannot. */
function checkClients({ ownClients, clientSecret }: OidcContext): Check[] {
  const apps = [...ownClients.values()];
  const without = apps.filter(
    ({ id, authMethod }) => authMethod !== "none" && clientSecret(id) === undefined,
  );
  if (apps.length === 0) return [];
  if (without.length === 0) {
    return [{ name: "openid apps", status: "ok", detail: apps.map(({ name }) => name).join(", ") }];
  }
  return without.map(({ id, name }) => ({
    name: "openid apps",
    status: "warning",
    detail: `${name} has no secret`,
    why: "Nobody can sign in to it.",
    mend: `burrow rotate oidc-client-${id}, give the app the secret, and restart Burrow`,
  }));
}

function createOidcContext(context: AppContext, ports: Parameters<typeof createOidcApp>[1]): OidcContext {
  const { config, log, members, gate, guesses, now } = context;
  const database = context.openDatabase("oidc", oidcMigrations);
  const standing = createStanding(members);
  const subjects = createSubjects(database);
  return {
    config,
    log,
    members,
    gate,
    guesses,
    now,
    issuer: issuerOf(config),
    pages: createPages(config.serverName),
    limits: createRateLimits(config.matrix.rateLimits),
    ownClients: clientsById(config.oidcClients),
    clientSecret: ports.clientSecret,
    entries: createEntries({ database, subjects, standing, now }),
    subjects,
    openedDevices: createOpenedDevices(database, now),
    standing,
    openMatrixSession: ports.openMatrixSession,
  };
}

/** What programs ask: no cookie counts, and any web page may ask too. */
function mountPrograms(
  routes: Hono<HttpEnv>,
  oidc: OidcContext,
  served: ReturnType<typeof serveProvider>,
): void {
  const metadata = JSON.stringify(serverMetadata(oidc.config));
  for (const name of ["openid-configuration", "oauth-authorization-server"]) {
    routes.get(`/.well-known/${name}`, () => {
      const headers = { "content-type": "application/json", "cache-control": "public, max-age=3600" };
      return new Response(metadata, { headers: { ...openToBrowsers, ...headers } });
    });
  }
  const limited = (limit: LimitName, answer: (c: Context<HttpEnv>) => Promise<Response>) => {
    return async (c: Context<HttpEnv>): Promise<Response> => {
      const wait = oidc.limits.take(limit, { address: c.env.context.client.address });
      return wait > 0 ? tooMany(wait) : await answer(c);
    };
  };
  const ask = async (c: Context<HttpEnv>): Promise<Response> => {
    const body = c.req.method === "POST" ? await readSmallBody(c.req.raw) : undefined;
    return (await served.ask(c, body ?? new Uint8Array())).response;
  };
  routes.post(oauthPaths.registration, (c) => register(c, oidc));
  routes.post(
    oauthPaths.token,
    limited("writes", (c) => answerToken(c, oidc, served.ask)),
  );
  routes.post(
    oauthPaths.revocation,
    limited("writes", (c) => answerRevocation(c, oidc, served.ask)),
  );
  routes.post(oauthPaths.device_authorization, limited("login", ask));
  routes.on(["GET", "POST"], oauthPaths.userinfo, limited("writes", ask));
  routes.get(oauthPaths.jwks, limited("writes", ask));
  const programs = [
    "registration",
    "token",
    "revocation",
    "device_authorization",
    "userinfo",
    "jwks",
  ] as const;
  for (const name of programs) {
    routes.options(oauthPaths[name], () => new Response(null, { status: 204, headers: openToBrowsers }));
  }
}

/** Where people come with their browsers. */
function mountPeople(
  routes: Hono<HttpEnv>,
  oidc: OidcContext,
  served: ReturnType<typeof serveProvider>,
): void {
  const { pages } = oidc;
  const interactions = createInteractions(oidc, served);
  const account = createAccountPages(oidc);
  const limited = (answer: (c: Context<HttpEnv>) => Promise<Response>) => {
    return async (c: Context<HttpEnv>): Promise<Response> => {
      const wait = oidc.limits.take("login", { address: c.env.context.client.address });
      if (wait === 0) return await answer(c);
      const page = plainPage("Too much at once", "That is too much at once. Try again in a minute.");
      const headers = { "retry-after": String(Math.ceil(wait / 1000)) };
      return await pages.layout(c, { ...page, status: 429, headers });
    };
  };

  routes.get(
    oauthPaths.authorization,
    limited((c) => served.visit(c)),
  );
  routes.get(`${oauthPaths.authorization}/:uid`, (c) => served.visit(c));
  routes.get("/oidc/interaction/:uid", (c) => interactions.show(c));
  routes.post(
    "/oidc/interaction/:uid",
    limited((c) => interactions.decide(c)),
  );

  routes.get(
    oauthPaths.code_verification,
    limited((c) => showCodeForm(c, oidc, served)),
  );
  routes.post(
    oauthPaths.code_verification,
    limited((c) => takeCode(c, oidc, served)),
  );
  routes.get(`${oauthPaths.code_verification}/:uid`, async (c) => {
    // Who comes here has typed a code in this browser. The provider falls over who has not.
    const hasSession = (c.req.header("cookie") ?? "").includes(`${cookieNames(oidc.issuer).session}=`);
    return hasSession ? await served.visit(c) : await pages.layout(c, tooOldPage());
  });

  routes.get(oauthPaths.account, (c) => account.lead(c));
  routes.get(oauthPaths.deactivate, (c) => account.showDeactivation(c));
  routes.post(oauthPaths.deactivate, (c) => account.deactivate(c));
  routes.get(oauthPaths.crossSigningReset, (c) => account.showReset(c));
  routes.post(oauthPaths.crossSigningReset, (c) => account.approveReset(c));
}

type Served = ReturnType<typeof serveProvider>;

/** Only who is signed in may type a code: whoever guesses them is known by name. */
async function showCodeForm(c: Context<HttpEnv>, oidc: OidcContext, served: Served): Promise<Response> {
  const here = await requireHere(oidc, c);
  if (here instanceof Response) return here;
  // The provider would send a code in the link on by a script of its own; our form shows it, to be compared first.
  const code = c.req.query("user_code") ?? "";
  return await served.visit(c, {
    target: `${oauthPaths.code_verification}?code=${encodeURIComponent(code)}`,
  });
}

async function takeCode(c: Context<HttpEnv>, oidc: OidcContext, served: Served): Promise<Response> {
  const body = await readSmallBody(c.req.raw);
  if (!body || !isSameOrigin(c.env.context.client, c.req.raw.headers)) {
    const page = plainPage("This form was not accepted", "Open the page again and send it from there.");
    return await oidc.pages.layout(c, { ...page, status: 403 });
  }
  const here = await requireHere(oidc, c);
  if (here instanceof Response) return here;
  const credential = new URLSearchParams(new TextDecoder().decode(body)).get("user_code") ?? "";
  let answer: Response | undefined;
  await oidc.guesses.attempt(c.env.context, { kind: "user-code", credential }, async () => {
    answer = await served.visit(c, { body });
    return answer.status === 422 ? undefined : answer;
  });
  if (!answer) throw new Error("A code was answered by nobody.");
  return answer;
}

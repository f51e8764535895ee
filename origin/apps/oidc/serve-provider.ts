import type { Context } from "hono";
import type Provider from "oidc-provider";
import type { Interaction, InteractionResults } from "oidc-provider";
import type { HttpEnv } from "../../http/request-context.ts";
import { openToBrowsers } from "./answers.ts";
import { createProviderPort, type ProviderAnswer, type ProviderPort } from "./ask-provider.ts";
import type { OidcContext } from "./oidc-context.ts";
import { createProvider } from "./provider.ts";
import { whoIsHere } from "./who-is-here.ts";

/** The provider behind our routes: who asks it, and how its answer goes out. */
export interface ServedProvider {
  readonly ask: AskProvider;
  /** For people's browsers: in the name of whoever is signed in here. `target`: another path and query than asked for. */
  readonly visit: (c: Context<HttpEnv>, visit?: { body?: Uint8Array; target?: string }) => Promise<Response>;
  /** The interaction that the browser is in; undefined: none, or of another path or member. */
  readonly interaction: (c: Context<HttpEnv>) => Promise<OngoingInteraction | undefined>;
}

/** For programs; no cookie is looked at. */
export type AskProvider = (
  c: Context<HttpEnv>,
  body?: Uint8Array,
) => Promise<{ answer: ProviderAnswer; response: Response }>;

export interface OngoingInteraction {
  readonly provider: Provider;
  readonly details: Interaction;
  /** Notes the outcome, and gives the path at which the provider goes on. */
  readonly finish: (result: InteractionResults) => Promise<string>;
}

export function serveProvider(oidc: OidcContext): ServedProvider {
  let loading: Promise<{ provider: Provider; port: ProviderPort }> | undefined;

  async function load(): Promise<{ provider: Provider; port: ProviderPort }> {
    const provider = await createProvider(oidc);
    return { provider, port: createProviderPort(provider, oidc.issuer) };
  }

  function loaded(): Promise<{ provider: Provider; port: ProviderPort }> {
    // Not remembered where it failed: a secret with the wrong mode can be mended while running.
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  }

  return {
    async ask(c, body) {
      const { port } = await loaded();
      const answer = await oidc.standing.answerAs(undefined, () =>
        port.ask(requestOf(c, { body, headers: withoutCookies(c.req.raw.headers) })),
      );
      return { answer, response: programsAnswer(answer) };
    },
    async visit(c, { body, target } = {}) {
      const { port } = await loaded();
      const identity = await whoIsHere(oidc, c);
      const answer = await oidc.standing.answerAs(identity, () =>
        port.ask(requestOf(c, { body, target, headers: c.req.raw.headers })),
      );
      return await browsersAnswer(c, oidc, answer);
    },
    async interaction(c) {
      const { provider, port } = await loaded();
      const [incoming, outgoing] = port.pair(requestOf(c, { headers: c.req.raw.headers }));
      try {
        const details = await provider.interactionDetails(incoming, outgoing);
        if (details.uid !== c.req.param("uid")) return undefined;
        return {
          provider,
          details,
          async finish(result) {
            const returnTo = await provider.interactionResult(incoming, outgoing, result);
            const { pathname, search } = new URL(returnTo);
            return pathname + search;
          },
        };
      } catch (error) {
        if (error instanceof Error && error.message === "invalid_request") return undefined;
        throw error;
      }
    },
  };
}

function requestOf(
  c: Context<HttpEnv>,
  part: { body?: Uint8Array | undefined; target?: string | undefined; headers: Headers },
) {
  const { pathname, search } = new URL(c.req.url);
  const { body, headers, target = pathname + search } = part;
  return { method: c.req.method, target, headers, body, context: c.env.context };
}

function withoutCookies(headers: Headers): Headers {
  const kept = new Headers(headers);
  kept.delete("cookie");
  return kept;
}

/** Ours are the headers for browsers of other origins: the same on every answer, errors too. */
function programsAnswer({ status, headers, body }: ProviderAnswer): Response {
  const sent = new Headers(openToBrowsers);
  for (const name of ["content-type", "www-authenticate", "cache-control"]) {
    const value = headers.get(name);
    if (value !== null) sent.set(name, value);
  }
  return new Response(body, { status, headers: sent });
}

async function browsersAnswer(
  c: Context<HttpEnv>,
  oidc: OidcContext,
  answer: ProviderAnswer,
): Promise<Response> {
  const { status, headers, body, page } = answer;
  const response = page
    ? await oidc.pages.layout(c, { status: status as 200, ...page })
    : new Response(null, { status, headers: { "cache-control": "no-store" } });
  for (const cookie of headers.getSetCookie()) response.headers.append("set-cookie", cookie);
  const location = headers.get("location");
  if (location !== null) response.headers.set("location", location);
  else if (!page)
    throw new Error(`The provider answered a person with ${status} and ${body.length} characters.`);
  return response;
}

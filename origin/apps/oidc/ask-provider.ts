import { type IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type Provider from "oidc-provider";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { RequestContext } from "../../http/request-context.ts";
import type { Page } from "../../pages/layout.ts";

/** What the provider answers, before it goes out. */
export interface ProviderAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** In place of the body: what our layout is to show. */
  readonly page: Page | undefined;
  /** Of a token request that succeeded. */
  readonly granted: KoaContextWithOIDC["oidc"]["entities"] | undefined;
  /** Grants that ended by this request. */
  readonly revokedGrants: readonly string[];
}

/** A request as the provider is to see it: never more than this app has read of it itself. */
export interface ProviderRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body?: Uint8Array | undefined;
  readonly context: RequestContext;
}

/** What the provider's hooks say beside its answer. */
interface Aside {
  page?: Page;
  granted?: ProviderAnswer["granted"];
  revokedGrants: string[];
}

/** A provider is a Koa app that wants node's request and response; this is the one place where it gets them. */
export interface ProviderPort {
  ask(request: ProviderRequest): Promise<ProviderAnswer>;
  /** The same pair for its calls outside of a request of its own. */
  pair(request: ProviderRequest): [IncomingMessage, ServerResponse];
}

const asides = new WeakMap<object, Aside>();

/** From a hook of the provider: answers with a page of ours. */
export function answerWithPage(ctx: Pick<KoaContextWithOIDC, "req" | "status" | "body">, page: Page): void {
  const aside = asides.get(ctx.req);
  if (aside) aside.page = page;
  ctx.body = "";
  if (page.status !== undefined) ctx.status = page.status;
}

export function createProviderPort(provider: Provider, issuer: string): ProviderPort {
  const handle = provider.callback();
  provider.on("grant.success", (ctx) => {
    const aside = asides.get(ctx.req);
    if (aside) aside.granted = ctx.oidc.entities;
  });
  provider.on("grant.revoked", (ctx, grantId) => void asides.get(ctx.req)?.revokedGrants.push(grantId));
  const { host, protocol } = new URL(issuer);

  function pair(request: ProviderRequest): [IncomingMessage, CapturedResponse] {
    const headers = Object.fromEntries(request.headers);
    const incoming = Object.assign(Readable.from(request.body?.length ? [request.body] : []), {
      method: request.method,
      url: request.target,
      // The issuer's, so that no address that the provider makes follows what a client said.
      headers: { ...headers, host, "content-length": String(request.body?.length ?? 0) },
      httpVersion: "1.1",
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      socket: { encrypted: protocol === "https:", remoteAddress: request.context.client.address },
    }) as unknown as IncomingMessage;
    return [incoming, new CapturedResponse(incoming)];
  }

  return {
    pair,
    async ask(request) {
      const [incoming, outgoing] = pair(request);
      const aside: Aside = { revokedGrants: [] };
      asides.set(incoming, aside);
      await handle(incoming, outgoing);
      return {
        status: outgoing.statusCode,
        headers: outgoing.headerList(),
        body: outgoing.text,
        page: aside.page,
        granted: aside.granted,
        revokedGrants: aside.revokedGrants,
      };
    },
  };
}

/** Keeps what is written: answers of the provider are small, and no stream. */
class CapturedResponse extends ServerResponse {
  text = "";

  override end(chunk?: unknown): this {
    if (typeof chunk === "string") this.text += chunk;
    else if (chunk instanceof Uint8Array) this.text += Buffer.from(chunk).toString();
    this.finished = true;
    return this;
  }

  headerList(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries(this.getHeaders())) {
      for (const each of Array.isArray(value) ? value : [value]) headers.append(name, String(each));
    }
    headers.delete("content-length");
    return headers;
  }
}

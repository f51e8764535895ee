import { EDGE_ITSELF } from "../shared/edge-client.ts";
import type { EdgeClient } from "../shared/edge-client.ts";
import { ACCESS_JWT_MAX_BYTES } from "../shared/limits.ts";
import type { Edge } from "./edge.ts";
import type { Env } from "./env.ts";

/** Who asks; the time is added when it is signed. */
export type Visitor = Omit<EdgeClient, "time">;

/** One request on its way through the gates. */
export interface Visit {
  readonly request: Request;
  /**
   * The one URL of this visit. It is signed and it is forwarded, this object both times: a second parse of
   * `request.url`, or forwarding `request` itself, sends other bytes than were signed where the URL parser normalises
   * (`/../`, raw UTF-8, `'` in a query), and does so in production only.
   */
  readonly url: URL;
  readonly secure: boolean;
  readonly visitor: Visitor;
  /** The Access identity as it came; verified by whoever relies on it. */
  readonly accessJwt: string | undefined;
  /** The headers that go on to the origin. */
  readonly headers: Headers;
  readonly edge: Edge;
  readonly env: Env;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
}

const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Reads what the edge vouches for (client address, ray, country, Access identity) before any gate drops those headers.
 * Undefined for a request whose target is no URL, `OPTIONS *` among them.
 */
export function receive(
  request: Request,
  env: Env,
  ctx: Pick<ExecutionContext, "waitUntil">,
  edge: Edge,
): Visit | undefined {
  const url = URL.parse(request.url);
  // workerd makes `http://host*/` of `OPTIONS *`.
  if (url === null || url.hostname.endsWith("*")) return undefined;
  const secure = url.protocol === "https:";
  const { headers } = request;
  const ray = headers.get("cf-ray");
  const country = headers.get("cf-ipcountry");
  const jwt = headers.get("cf-access-jwt-assertion");
  const visitor: Visitor = {
    host: url.hostname,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    scheme: secure ? "https" : "http",
    addr: addressOf(headers),
    ...(ray === null ? {} : { ray }),
    ...(country === null ? {} : { country }),
  };
  // What lies behind the tunnel speaks plain HTTP; the scheme that the client used goes along signed.
  url.protocol = "http:";
  return {
    request,
    url,
    secure,
    visitor,
    accessJwt: jwt !== null && jwt.length <= ACCESS_JWT_MAX_BYTES && JWT.test(jwt) ? jwt : undefined,
    headers: new Headers(headers),
    edge,
    env,
    ctx,
  };
}

/** Only the edge itself signs under its own address: what comes from outside never does. */
function addressOf(headers: Headers): string {
  const address = headers.get("cf-connecting-ip") ?? "";
  return address === EDGE_ITSELF ? "" : address;
}

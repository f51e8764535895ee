import type { HttpBindings } from "@hono/node-server";
import type { AccessIdentity } from "../../shared/access-jwt.ts";
import type { Duplex } from "node:stream";
import type { Identity } from "../gate/identity.ts";

/** Who asks, as the edge signed it: never taken from an ordinary header. */
export interface Client {
  /** The host the client asked for, lower-case, without port: requests are routed by it. */
  host: string;
  /** Only where it is not the scheme's own, which happens in development. */
  port?: number;
  scheme: "http" | "https";
  /** The client's own address, IPv4 or IPv6. */
  address: string;
  /** Cloudflare's id of the request, for logs. */
  ray: string;
  /** ISO 3166 code, or empty. */
  country: string;
}

/** What is read of a request's fields: fetch's `Headers` are such, and `fieldsOf` makes them for less. */
export type RequestFields = Pick<Headers, "get" | "has">;

/** What became of an attempt at a secret; the edge's throttle counts these, not requests. */
export type GuessVerdict = "none" | "ok" | "failed";

/** One verified request: made by the listener, handed to every handler beside the Request. */
export interface RequestContext {
  readonly client: Client;
  /** The token of Cloudflare Access that came along, covered by the edge's signature and not yet verified itself. */
  readonly accessJwt?: string;
  /** The edge's own clock, Unix milliseconds: what outsiders have signed is judged by it, for a phone's may be wrong. */
  readonly edgeTime?: number;
  /** Who Access says it is, on the paths that are behind it; set by the gate alone. */
  access?: AccessIdentity;
  /** The verdict that the reply proof will carry. */
  guess: GuessVerdict;
  /** Who asks, where the gate was asked and knew. Set by the gate alone. */
  identity?: Identity;
  /** There where the client wants to go on in another protocol. Whoever answers as usual declines. */
  readonly upgrade?: Upgrade;
}

/** A client's wish to leave HTTP on its connection (RFC 9110 §7.8). */
export interface Upgrade {
  /**
   * Answers 101 with these fields (names and values in turns; the caller vouches for their form) beside the reply
   * proof, and hands over the connection, beginning with what the client has sent already. Once only.
   */
  accept(fields: readonly string[]): Duplex;
}

/** Hono's environment throughout the origin: `c.env.context` is the verified context. */
export interface HttpEnv {
  Bindings: HttpBindings & { context: RequestContext };
}

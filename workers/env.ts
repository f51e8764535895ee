import type { Sentinel } from "./state/sentinel.ts";
import type { Throttle } from "./state/throttle.ts";

/** What a deployment binds to the Worker. */
export interface Env {
  /** Host table, as shared/hosts.ts reads it. */
  HOSTS: string;
  /** HSTS stage, as shared/security-headers.ts reads it. */
  HSTS_STAGE: string;
  /** Names of headers that some app takes at their word, separated by spaces. */
  TRUSTED_HEADERS?: string;
  /** What is behind Cloudflare Access, as shared/access-policy.ts reads it. */
  ACCESS?: string;
  /** What the honeypot does at the edge, as shared/probe-report.ts reads it; without it there is none. */
  HONEYPOT?: string;
  /** Whose mail is taken, as shared/mail-policy.ts reads it; without it none is. */
  MAIL_POLICY?: string;
  /** Secret: the key line that the origin holds too. */
  EDGE_KEY: string;
  /** The one way to the origin, whatever it is made of. */
  ORIGIN: { fetch(request: Request): Promise<Response> };
  /** The tunnel's hostname, where that is the way. */
  ORIGIN_HOST?: string;
  SENTINEL: DurableObjectNamespace<Sentinel>;
  /** Secret: a panic level that is in force whatever the origin says. */
  PANIC?: string;
  /** Secret: SHA-256 in hex of the code by which the server is declared lost. */
  KILL_CODE_HASH?: string;
  /** Secret: an ntfy topic, or whatever takes plain text by POST. */
  ALERT_URL?: string;
  /** Sends to `ALERT_MAIL_TO` only. */
  ALERT_MAIL?: Pick<SendEmail, "send">;
  ALERT_MAIL_FROM?: string;
  ALERT_MAIL_TO?: string;
  /** Secret: a token that may read the account's analytics and nothing else. */
  ANALYTICS_TOKEN?: string;
  ACCOUNT_ID?: string;
  /** Mail until the origin has fetched it; and the other one, which no key of the device opens. */
  MAIL: R2Bucket;
  MAIL_LOST: R2Bucket;
  /** Counts wrong tries at secrets. */
  THROTTLE: DurableObjectNamespace<Throttle>;
  /** Counts requests that try secrets, at one location. */
  LOGIN_RATE: RateLimit;
}

/** As Cloudflare hands them over: ORIGIN is a binding (Workers VPC), or what reach.ts makes of a tunnel's hostname. */
export interface Bindings extends Omit<Env, "ORIGIN"> {
  ORIGIN?: Fetcher;
  /** Secrets: the service token that Access asks for before the tunnel's hostname. */
  ORIGIN_CLIENT_ID?: string;
  ORIGIN_CLIENT_SECRET?: string;
}

import type { Sentinel } from "./state/sentinel.ts";

/** What a deployment binds to the Worker. */
export interface Env {
  /** Host table, as shared/hosts.ts reads it. */
  HOSTS: string;
  /** HSTS stage, as shared/security-headers.ts reads it. */
  HSTS_STAGE: string;
  /** Names of headers that some app takes at their word, separated by spaces. */
  TRUSTED_HEADERS?: string;
  /** Secret: the key line that the origin holds too. */
  EDGE_KEY: string;
  /** The one way to the origin, whatever it is made of. */
  ORIGIN: Fetcher;
  SENTINEL: DurableObjectNamespace<Sentinel>;
}

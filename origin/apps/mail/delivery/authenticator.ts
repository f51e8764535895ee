import { createWorkThread } from "../message/work-thread.ts";
import type { Authentication } from "./authenticate.ts";
import type { Resolve } from "./dns-lookup.ts";
import type { SpfFinding } from "./edge-results.ts";

export interface AuthenticateRequest {
  /** Of the raw message. */
  readonly path: string;
  readonly spf: SpfFinding | undefined;
  /** This server's, where From says that somebody of this server has written it. */
  readonly ownDomain: string | undefined;
}

export interface LookUp {
  readonly name: string;
  readonly type: string;
}

export class TooCostlyError extends Error {
  override name = "TooCostlyError";
}

/** Finds out whether messages come from whom they say, in a thread of its own that asks names through here. */
export interface Authenticator {
  run(request: AuthenticateRequest): Promise<Authentication>;
  close(): Promise<void>;
}

export function createAuthenticator(resolve: Resolve): Authenticator {
  return createWorkThread<AuthenticateRequest, Authentication>({
    file: new URL("./authenticator-thread.ts", import.meta.url),
    limits: { longestMs: 60_000, mostMegabytes: 96 },
    tooCostly: () => new TooCostlyError("Checking the sender took more time or memory than it may."),
    faultOf: ({ message }) => new Error(message),
    answer(asked) {
      const { name, type } = asked as LookUp;
      return resolve(name, type);
    },
  });
}

import type { RequestContext, RequestFields } from "../http/request-context.ts";
import type { Identity } from "./identity.ts";

/** What the gate reads of a request: a fetch `Request` is one (`c.req.raw`). */
export interface Asking extends Pick<Request, "method" | "url"> {
  readonly headers: RequestFields;
}

export interface IdentifyOptions {
  /**
   * The ways beside the cookie of this host. `Basic` carries an app password, `Bearer` an API key. A request with
   * an Authorization header is never recognised by its cookie, whichever of these are open.
   */
  readonly basic?: boolean;
  readonly bearer?: boolean;
  /** A suspended member is recognised by cookie too: for pages on which nothing is written that others see. */
  readonly suspended?: boolean;
}

/** Decides whether a request may enter, and as whom. One for all hosts; built in main.ts, used by apps. */
export interface Gate {
  /**
   * Who asks, or undefined. Judged anew on every request: a session that was ended, a member who was suspended,
   * locked or deactivated, a password that was changed holds on the next one. Also sets `context.identity`.
   *
   * By cookie, an unsafe method must come from a page of the very same origin (G4); from elsewhere nobody asks.
   * Throws ThrottledError where a secret in the header may not be tried now.
   */
  identify(
    context: RequestContext,
    request: Asking,
    options?: IdentifyOptions,
  ): Promise<Identity | undefined>;
  /**
   * As `identify`; who is nobody gets the Response to send: a page's navigation goes to the sign-in host and comes
   * back here signed in, everything else is 401 (JSON), or 403 for a form of another origin.
   */
  requireSession(
    context: RequestContext,
    request: Asking,
    options?: IdentifyOptions,
  ): Promise<Identity | Response>;
}

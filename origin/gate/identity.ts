/**
 * Who makes a request, once the gate has found it out. A value beside the request, never a header (E2): no client
 * can write it.
 */
export interface Identity {
  readonly memberId: number;
  /** Matrix localpart. */
  readonly name: string;
  readonly role: "owner" | "member";
  /** How the member was recognised, which decides what may be done (G5). */
  readonly via: "session" | "app-password" | "api-key" | "access" | "oauth";
  /** Of keys and tokens; a session may everything that its member may. */
  readonly scopes: readonly string[] | "all";
  /** Of `session`: the row that is listed and ended. Not a secret. */
  readonly sessionId?: number;
  /** Unix ms of the last full sign-in, by which an act that matters asks for the password again. */
  readonly authenticatedAt?: number;
}

import type { GuessKind } from "../../../shared/guess-routes.ts";
import type { RequestContext } from "../../http/request-context.ts";
import type { Throttle } from "./list-throttles.ts";
import type { KdfTurn } from "../../members/kdf-queue.ts";

/** One try at a secret. */
export interface Attempt {
  readonly kind: GuessKind;
  /** Canonical name of the account that is tried, whether there is one or not; absent for tokens. */
  readonly account?: string | undefined;
  /** The secret that is tried. Only a keyed digest is kept: the same wrong one again is no new guess. */
  readonly credential?: string | undefined;
  /** The value of the device cookie (`readDeviceCookie`), where the client sent one. */
  readonly deviceCookie?: string | undefined;
}

/** What the owner sees of the limits, and may undo. */
export interface GuessOverview {
  /** Who has tried something wrong lately; who is attacked and who waits longest come first. */
  list(): Throttle[];
  /** Forgets the wrong tries of a network or at an account, at once; `*` for all. */
  forget(what: string): void;
}

/**
 * How often secrets may be tried (row E3). What counts are wrong tries, not requests; no account is ever locked: whoever
 * has signed in from a browser or a network before has a budget of their own, which no stranger can spend.
 */
export interface GuessLimits {
  /**
   * Runs `work` if the source may try now; undefined from it means that the secret was wrong. What is thrown is neither
   * right nor wrong and costs nothing. Sets `context.guess`, which the reply proof tells the edge. `work` is given its
   * turn at the KDF queue, to be handed on to `members.verifyPassword`.
   *
   *     const member = await guesses.attempt(
   *       context, { kind: "password", account: name, credential: password },
   *       (turn) => members.verifyPassword(name, password, turn),
   *     );
   *
   * @throws ThrottledError when it is too early.
   */
  attempt<T>(
    context: RequestContext,
    attempt: Attempt,
    work: (turn: KdfTurn) => Promise<T | undefined> | T | undefined,
  ): Promise<T | undefined>;
  /** The value of a fresh device cookie (`formatDeviceCookie`, 256 bits) for a browser that has just signed in. */
  rememberDevice(memberId: number): Promise<string>;
}

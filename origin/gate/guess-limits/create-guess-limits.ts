import { createHmac, hash, randomBytes } from "node:crypto";
import { type ClientNetworks, networksOf } from "../../../shared/client-networks.ts";
import { ThrottledError } from "../../http/throttled-error.ts";
import type { KdfTurn } from "../../members/kdf-queue.ts";
import type { Database } from "../../storage/database.ts";
import { createAcquaintances } from "./acquaintances.ts";
import { concerns, isOfNetwork, parseBudgetKey } from "./budget-key.ts";
import { createBudgets } from "./budgets.ts";
import type { Attempt, GuessLimits, GuessOverview } from "./guess-limits.ts";
import { listThrottles } from "./list-throttles.ts";
import { createLanes, type Lane } from "./lanes.ts";
import { forgottenAfter, policies } from "./policies.ts";
import { openThrottleStore } from "./throttle-store.ts";
import { createTurns } from "./turns.ts";
import { startWriteBehind } from "./write-behind.ts";

/** Longer ones are wrong in any case, and hashing megabytes would hold everybody up. */
const longestCredential = 4096;
const longestAccount = 100;

/** The limits over one database. `close` writes what was not written yet. */
export function createGuessLimits(options: {
  /** Opened with `throttleMigrations`; stays the caller's, and is closed after the limits. */
  readonly database: Database;
  readonly nameOf: (memberId: number) => string | undefined;
  readonly now: () => number;
  /** False on a test server: everything may be tried, verdicts are told all the same. */
  readonly limited: boolean;
  readonly log: { warn(event: string, fields?: { error: string }): void };
}): GuessLimits & GuessOverview & { close(): Promise<void> } {
  const { database, nameOf, now, limited, log } = options;
  const onError = (error: unknown): void => log.warn("throttle.write-failed", { error: String(error) });
  const store = openThrottleStore(database);
  const acquaintances = createAcquaintances(database, now);
  const turns = createTurns();
  const load = store.load();
  const budgets = createBudgets({ load, changed: (key, spent) => writeBehind.note(key, spent) });
  const writeBehind = startWriteBehind({
    database,
    store,
    tidy() {
      acquaintances.tidy();
      store.forget(now() - forgottenAfter);
    },
    clear: forget,
    onError,
  });
  const lanes = createLanes({ budgets, acquaintances, turns, now });
  function forget(what: string): void {
    budgets.clear((text) => {
      const key = parseBudgetKey(text);
      return key !== undefined && concerns(key, what);
    });
    turns.clear((account, network) => what === "*" || account === what || isOfNetwork(network, what));
  }

  /** Of this start only: digests of wrong secrets are nowhere on disk. */
  const digestKey = randomBytes(32);

  function digestOf({ kind, account = "", credential }: Attempt): string {
    // Without a credential, or with one that is right for half a minute, each try is a new guess.
    if (credential === undefined || policies[kind].changing) return randomBytes(12).toString("base64url");
    const text = `${kind}\0${account}\0${credential.slice(0, longestCredential)}`;
    return createHmac("sha256", digestKey).update(text).digest("base64url").slice(0, 16);
  }

  /** That the disk takes no more must not keep anybody out who is right. */
  const greet = (lane: Lane, account: string, networks: ClientNetworks): Promise<void> =>
    acquaintances.greet(account, networks.neighbourhood, lane.device).catch(onError);

  return {
    async attempt(context, given, work) {
      const attempt = { ...given, account: shorten(given.account) };
      const networks = networksOf(context.client.address);
      const turnAtKdf = (known: boolean): KdfTurn => ({ source: networks.neighbourhood, known });
      if (!limited) {
        const found = await work(turnAtKdf(false));
        context.guess = found === undefined ? "failed" : "ok";
        return found;
      }
      const digest = once(() => digestOf(attempt));
      const lane = lanes.choose(attempt, networks, digest);
      // A right token is let in whatever was tried before: it was not guessed.
      const held = policies[attempt.kind].accounts !== undefined;
      if (held && lane.wait > 0) throw new ThrottledError(lane.wait);
      const trial = lane.begin();
      let found;
      try {
        found = await work(turnAtKdf(lane.known));
      } catch (error) {
        trial.undecided();
        throw error;
      }
      if (found !== undefined) {
        context.guess = "ok";
        trial.right();
        if (attempt.account !== undefined) await greet(lane, attempt.account, networks);
        return found;
      }
      if (lane.wait > 0) {
        // No verdict for the edge to count: it cannot tell this source's right tokens from wrong ones.
        trial.undecided();
        throw new ThrottledError(lane.wait);
      }
      context.guess = "failed";
      trial.wrong(digest());
      return undefined;
    },
    async rememberDevice(memberId) {
      const account = nameOf(memberId);
      if (account === undefined) throw new Error("A device cookie is for a member.");
      return acquaintances.introduce(account);
    },
    list: () => listThrottles(budgets.list(), now()),
    forget,
    close: () => writeBehind.close(),
  };
}

/** Most that come are right, and then nobody asks for the digest. */
function once(make: () => string): () => string {
  let made: string | undefined;
  return () => (made ??= make());
}

/** A name that is too long is nobody's, and is not worth its memory. */
function shorten(account: string | undefined): string | undefined {
  if (account === undefined || account.length <= longestAccount) return account;
  return hash("sha256", account.slice(0, longestCredential), "hex");
}

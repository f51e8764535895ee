import { failuresAt, type Spent, waitOf } from "../../../shared/guess-budget.ts";
import { type BudgetKey, parseBudgetKey } from "./budget-key.ts";
import { allowanceOf, policies } from "./policies.ts";

/** Wrong tries that are remembered, of one source, account, browser or network. */
export interface Throttle {
  readonly key: BudgetKey;
  /** As on disk. */
  readonly text: string;
  /** Those that still count, rounded up. */
  readonly wrongTries: number;
  /** Unix ms. */
  readonly lastAt: number;
  /** In how many ms the next try may come; 0 for now. */
  readonly waitMs: number;
  /** Of an account: so many strangers have tried that each waits for a turn of its own. */
  readonly attacked: boolean;
}

/** What is remembered and not forgiven yet; who waits longest comes first. Some seconds behind a running daemon. */
export function listThrottles(rows: readonly (readonly [string, Spent])[], now: number): Throttle[] {
  return rows
    .flatMap(([text, spent]) => {
      const key = parseBudgetKey(text);
      return key ? [describe(key, text, spent, now)] : [];
    })
    .filter(({ wrongTries }) => wrongTries > 0)
    .toSorted(
      (a, b) => Number(b.attacked) - Number(a.attacked) || b.waitMs - a.waitMs || b.wrongTries - a.wrongTries,
    );
}

function describe(key: BudgetKey, text: string, spent: Spent, now: number): Throttle {
  const allowance = allowanceOf(key);
  const failures = failuresAt(spent, allowance, now);
  const ofAccount = key.role === "account";
  return {
    key,
    text,
    wrongTries: Math.ceil(failures),
    lastAt: spent.at,
    // Nobody waits for an account: each network has a turn of its own there.
    waitMs: ofAccount ? 0 : waitOf(spent, allowance, now),
    attacked: ofAccount && failures >= (policies[key.kind].accounts?.attackedAfter ?? Infinity),
  };
}

import type { ClientNetworks } from "../../../shared/client-networks.ts";
import type { Acquaintances } from "./acquaintances.ts";
import { type BudgetKey, formatBudgetKey } from "./budget-key.ts";
import type { Budget, Budgets } from "./budgets.ts";
import type { Attempt } from "./guess-limits.ts";
import { type AccountPolicy, allowanceOf, policies } from "./policies.ts";
import type { Turns } from "./turns.ts";

/** The budgets that a try is paid from. */
export interface Lane {
  /** In how many ms the try may be made; 0 for now. */
  readonly wait: number;
  /** Whether the account has met this browser or network before. */
  readonly known: boolean;
  /** The browser's, where its cookie was good. */
  readonly device: string | undefined;
  begin(): Trial;
}

/** A try under way. One of the three is called, once. */
export interface Trial {
  right(): void;
  wrong(digest: string): void;
  undecided(): void;
}

export interface Lanes {
  /**
   * The first lane in which the try may be made now, or the one with the shortest wait: that of a known browser, of a
   * known network, or of a stranger. What strangers do is never paid by those who are known.
   */
  choose(attempt: Attempt, networks: ClientNetworks, digest: () => string): Lane;
}

export function createLanes(options: {
  budgets: Budgets;
  acquaintances: Acquaintances;
  turns: Turns;
  now: () => number;
}): Lanes {
  const { budgets, acquaintances, turns, now } = options;
  const open = (key: BudgetKey): Budget => budgets.open(formatBudgetKey(key), allowanceOf(key));

  function known(budget: Budget, device: string | undefined, digest: () => string): Lane {
    return {
      wait: waitIn([budget], digest, now()),
      known: true,
      device,
      begin() {
        const trial = tryIn([budget], now);
        return {
          ...trial,
          // Who is known and right has been making mistakes, not guesses.
          right() {
            trial.right();
            budget.reset();
          },
        };
      },
    };
  }

  function stranger(attempt: Attempt, networks: ClientNetworks, digest: () => string): Lane {
    const { kind, account } = attempt;
    const sources = networks.sources.map(({ text }) => open({ kind, role: "source", network: text }));
    const policy = policies[kind].accounts;
    const lane = { known: false, device: undefined };
    const wait = waitIn(sources, digest, now());
    if (account === undefined || policy === undefined) {
      return { ...lane, wait, begin: () => tryIn(sources, now) };
    }
    const widest = networks.sources.at(-1)?.text ?? "";
    const everybody = open({ kind, role: "account", account });
    const paid = [...sources, everybody];
    if (wait > 0 || everybody.failures(now()) < policy.attackedAfter) {
      return { ...lane, wait, begin: () => tryIn(paid, now) };
    }
    const attacked = { kind, account };
    return {
      ...lane,
      wait: turns.take(attacked, widest, turnAfter(sources.at(-1)?.failures(now()) ?? 0, policy), now()),
      begin() {
        const trial = tryIn(paid, now);
        return {
          ...trial,
          undecided() {
            trial.undecided();
            turns.giveBack(attacked, widest, now());
          },
        };
      },
    };
  }

  return {
    choose(attempt, networks, digest) {
      const { kind, account, deviceCookie } = attempt;
      const lanes: Lane[] = [];
      const policy = policies[kind].accounts;
      if (account !== undefined && policy !== undefined) {
        const device = deviceCookie === undefined ? undefined : acquaintances.deviceOf(deviceCookie, account);
        if (device !== undefined) {
          const lane = known(open({ kind, role: "device", account, device }), device, digest);
          if (lane.wait === 0) return lane;
          lanes.push(lane);
        }
        const network = networks.neighbourhood;
        if (policy.knowsNetworks && acquaintances.isKnown(account, network)) {
          const lane = known(open({ kind, role: "network", account, network }), device, digest);
          if (lane.wait === 0) return lane;
          lanes.push(lane);
        }
      }
      lanes.push(stranger(attempt, networks, digest));
      return lanes.reduce((best, lane) => (lane.wait < best.wait ? lane : best));
    },
  };
}

/** Each of the budgets must allow it. The same wrong secret again costs nothing, but may not come often either. */
function waitIn(budgets: readonly Budget[], digest: () => string, now: number): number {
  const wait = Math.max(...budgets.map((budget) => budget.wait(now)));
  const [first] = budgets;
  return wait === 0 && first?.knows(digest) ? first.repeat(now) : wait;
}

function tryIn(budgets: readonly Budget[], now: () => number): Trial {
  const begun = budgets.map((budget) => budget.begin());
  const end = (wrong: string | undefined): void => {
    for (const each of begun) each.end(wrong, now());
  };
  return {
    right: () => end(undefined),
    undecided: () => end(undefined),
    wrong: (digest) => end(digest),
  };
}

function turnAfter(failures: number, { turn, longestTurn }: AccountPolicy): number {
  return Math.min(longestTurn, turn * 2 ** Math.floor(failures));
}

import type { ClientNetwork } from "../../shared/client-networks.ts";
import { type Allowance, nothingSpent, type Spent, spendOne, waitOf } from "../../shared/guess-budget.ts";
import type { GuessKind } from "../../shared/guess-routes.ts";

/** A request that may try a secret, as the edge sees it. */
export interface EdgeAttempt {
  readonly kind: GuessKind;
  /** The networks of the client's address, the narrowest first. */
  readonly networks: readonly ClientNetwork[];
  /** SHA-256 of the device cookie; the edge cannot tell whose it is, only whether it has come with a right secret. */
  readonly device: string | undefined;
}

/** What has changed since it was last asked for. */
export interface Changes {
  readonly budgets: readonly (readonly [key: string, spent: Spent])[];
  readonly devices: readonly (readonly [device: string, seenAt: number])[];
}

/** Counts the origin's verdicts, all in memory. */
export interface EdgeBudgets {
  /**
   * In how many ms the request may go on; 0 for now. `flooding`: this source sends more than may be counted, so only a
   * device that is known goes on.
   */
  ask(attempt: EdgeAttempt, flooding: boolean, now: number): number;
  tell(attempt: EdgeAttempt, verdict: "ok" | "failed", now: number): void;
  takeChanges(): Changes;
}

const minute = 60_000;

/**
 * Several times what the origin allows: it judges by account and knows networks and devices, so it comes first. This one
 * bounds what gets through where the origin's own count does not hold.
 */
const link: Allowance = { free: 60, firstDelay: 2_000, longestDelay: 10 * minute, forgiveAfter: 2 * minute };
const allowances: Readonly<Record<ClientNetwork["width"] | "device", Allowance>> = {
  v4: link,
  "v6-64": link,
  "v6-56": { ...link, free: 2 * link.free, forgiveAfter: link.forgiveAfter / 2 },
  "v6-48": { ...link, free: 4 * link.free, forgiveAfter: link.forgiveAfter / 4 },
  device: link,
};

/** The period of the rate-limit binding that found the flood. */
export const FLOOD_PAUSE_MS = minute;
const MOST_BUDGETS = 20_000;
const MOST_DEVICES = 1_000;
const DAY_MS = 24 * 60 * minute;

export function createEdgeBudgets(loaded: Changes): EdgeBudgets {
  const budgets = new Map(loaded.budgets);
  const devices = new Map(loaded.devices);
  const changedBudgets = new Set<string>();
  const changedDevices = new Set<string>();

  const spentOf = (key: string): Spent => budgets.get(key) ?? nothingSpent;

  function fail(key: string, allowance: Allowance, now: number): void {
    const spent = spendOne(spentOf(key), allowance, now);
    if (!budgets.has(key) && budgets.size >= MOST_BUDGETS) forgetLeast();
    budgets.set(key, spent);
    changedBudgets.add(key);
  }

  function forgetLeast(): void {
    const least = [...budgets].toSorted(([, a], [, b]) => a.failures - b.failures || a.at - b.at);
    for (const [key] of least.slice(0, MOST_BUDGETS / 2)) {
      budgets.delete(key);
      changedBudgets.delete(key);
    }
  }

  return {
    ask({ kind, networks, device }, flooding, now) {
      if (device !== undefined && devices.has(device)) {
        // What others do from the same address is never paid by a device that is known.
        return waitOf(spentOf(`${kind} device ${device}`), allowances.device, now);
      }
      if (flooding) return FLOOD_PAUSE_MS;
      return Math.max(
        ...networks.map(({ text, width }) => waitOf(spentOf(`${kind} ${text}`), allowances[width], now)),
      );
    },
    tell({ kind, networks, device }, verdict, now) {
      if (verdict === "ok") {
        if (device === undefined || now - (devices.get(device) ?? 0) < DAY_MS) return;
        // Again at the end: the one that has not come for longest goes first.
        devices.delete(device);
        devices.set(device, now);
        changedDevices.add(device);
        const [oldest] = devices.keys();
        if (devices.size > MOST_DEVICES && oldest !== undefined) devices.delete(oldest);
      } else if (device !== undefined && devices.has(device)) {
        fail(`${kind} device ${device}`, allowances.device, now);
      } else {
        for (const { text, width } of networks) fail(`${kind} ${text}`, allowances[width], now);
      }
    },
    takeChanges() {
      const changes: Changes = {
        budgets: [...changedBudgets].map((key) => [key, spentOf(key)] as const),
        devices: [...changedDevices].flatMap((device) => {
          const seenAt = devices.get(device);
          return seenAt === undefined ? [] : [[device, seenAt] as const];
        }),
      };
      changedBudgets.clear();
      changedDevices.clear();
      return changes;
    },
  };
}

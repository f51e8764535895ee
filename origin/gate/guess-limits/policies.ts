import type { ClientNetwork } from "../../../shared/client-networks.ts";
import type { Allowance } from "../../../shared/guess-budget.ts";
import type { GuessKind } from "../../../shared/guess-routes.ts";
import type { BudgetKey } from "./budget-key.ts";

/** What may be tried of one kind of secret. */
export interface Policy {
  /** By the width of the network that tries; each has wider ones around it, with larger allowances of their own. */
  readonly sources: Readonly<Record<ClientNetwork["width"], Allowance>>;
  /** Of secrets that people choose or type, tried at an account. Absent for tokens of 128 random bits and more. */
  readonly accounts?: AccountPolicy;
  /** What is right changes by itself: the same wrong one again is a new guess. */
  readonly changing?: true;
}

export interface AccountPolicy {
  /** A browser, or a network, that has signed in to this account before. */
  readonly known: Allowance;
  /** Not where the first step of a sign-in, which somebody has passed by now, has made the network known. */
  readonly knowsNetworks: boolean;
  /**
   * So many wrong tries by strangers, wherever they come from, and the account counts as attacked: from then on each
   * network waits for a turn of its own before each try.
   */
  readonly attackedAfter: number;
  /** One of those is forgotten in so long a time, ms. */
  readonly forgiveAfter: number;
  /** The wait for a network's turn where nobody has tried anything wrong there; doubles with each wrong try. Ms. */
  readonly turn: number;
  readonly longestTurn: number;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Typed from memory: a handful of honest mistakes is free, in the long run an attacker has some fifty a day. */
const typed: Policy["sources"] = widening({
  free: 10,
  firstDelay: 5 * second,
  longestDelay: hour,
  forgiveAfter: 30 * minute,
});

/** Nobody ever guesses one: this bounds the noise. A right one is let in whatever was tried before. */
const tokens: Policy = {
  sources: widening({
    free: 30,
    firstDelay: 5 * second,
    longestDelay: 15 * minute,
    forgiveAfter: 2 * minute,
  }),
};

export const policies: Readonly<Record<GuessKind, Policy>> = {
  password: {
    sources: typed,
    accounts: {
      known: {
        free: 10,
        firstDelay: 5 * second,
        longestDelay: 15 * minute,
        forgiveAfter: 10 * minute,
      },
      knowsNetworks: true,
      attackedAfter: 20,
      forgiveAfter: 6 * minute,
      turn: 30 * second,
      longestTurn: hour,
    },
  },
  // A million codes of which three are right: far fewer tries than at a password, by whomever.
  "second-factor": {
    changing: true,
    sources: widening({
      free: 5,
      firstDelay: 30 * second,
      longestDelay: hour,
      forgiveAfter: hour,
    }),
    accounts: {
      known: { free: 5, firstDelay: 30 * second, longestDelay: hour, forgiveAfter: hour },
      knowsNetworks: false,
      attackedAfter: 10,
      forgiveAfter: hour,
      turn: 30 * second,
      longestTurn: hour,
    },
  },
  passkey: tokens,
  "setup-token": tokens,
  "invite-token": tokens,
  "refresh-token": tokens,
  "login-token": tokens,
  "hand-off-code": tokens,
  "app-password": tokens,
  "api-key": tokens,
  "client-secret": tokens,
  // 34 bits that hold for ten minutes, and only somebody who is signed in can try them.
  "user-code": {
    sources: widening({ free: 10, firstDelay: 10 * second, longestDelay: hour, forgiveAfter: 10 * minute }),
  },
};

/** What the budget of a key allows. */
export function allowanceOf(key: BudgetKey): Allowance {
  const { sources, accounts } = policies[key.kind];
  if (key.role === "source") return sources[widthOf(key.network)];
  if (accounts === undefined) return sources.v4;
  if (key.role !== "account") return accounts.known;
  const { attackedAfter, forgiveAfter, turn } = accounts;
  // Its own delays are never asked for: they set how many failures count at most, and so how long an attack is remembered.
  return { free: attackedAfter, firstDelay: turn, longestDelay: turn * 2 ** rememberedBeyond, forgiveAfter };
}

/** So many more than make an account count as attacked. */
const rememberedBeyond = 20;
/** By then every allowance is whole again, ms. */
export const forgottenAfter = 2 * 24 * hour;

function widthOf(network: string): ClientNetwork["width"] {
  const bits = network.slice(network.lastIndexOf("/") + 1);
  return bits === "64" || bits === "56" || bits === "48" ? `v6-${bits}` : "v4";
}

/** A wider network holds more people, and is forgiven as much faster: twice and four times what one link has. */
function widening(link: Allowance): Policy["sources"] {
  const times = (factor: number): Allowance => ({
    ...link,
    free: link.free * factor,
    forgiveAfter: link.forgiveAfter / factor,
  });
  return { v4: link, "v6-64": link, "v6-56": times(2), "v6-48": times(4) };
}

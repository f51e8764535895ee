import type { GuessKind } from "../../../shared/guess-routes.ts";

/**
 * Turns at an account that is attacked. A network that comes for the first time is told to wait, and its turn is its own:
 * however many others come, it is not put off again. Hence whoever has the right password gets in, from a network that
 * nobody attacks from, after one such wait.
 */
export interface Turns {
  /** 0 where the turn has come (it is used up by this), otherwise in how many ms it comes. */
  take(at: Attacked, network: string, wait: number, now: number): number;
  /** A turn that was taken and led to no try. */
  giveBack(at: Attacked, network: string, now: number): void;
  clear(matches: (account: string, network: string) => boolean): void;
}

export interface Attacked {
  readonly kind: GuessKind;
  readonly account: string;
}

interface Turn extends Attacked {
  readonly network: string;
  readonly comesAt: number;
}

/** How long a turn that has come is kept, ms. */
const keptFor = 10 * 60_000;
/** Some 150 bytes each; beyond it the oldest go. An attack from more networks than this at a time undoes the promise. */
const mostTurns = 20_000;

export function createTurns(): Turns {
  const turns = new Map<string, Turn>();

  function set(at: Attacked, network: string, comesAt: number): void {
    const key = keyOf(at, network);
    const [oldest] = turns.keys();
    if (!turns.has(key) && turns.size >= mostTurns && oldest !== undefined) turns.delete(oldest);
    turns.set(key, { ...at, network, comesAt });
  }

  return {
    take(at, network, wait, now) {
      const key = keyOf(at, network);
      const turn = turns.get(key);
      const left = turn ? turn.comesAt - now : Number.NaN;
      if (left <= 0 && left > -keptFor) {
        turns.delete(key);
        return 0;
      }
      if (left > 0 && left <= wait) return left;
      // The first time, too late, or the clock was set back: from now on.
      set(at, network, now + wait);
      return wait;
    },
    giveBack: set,
    clear(matches) {
      for (const [key, turn] of turns) if (matches(turn.account, turn.network)) turns.delete(key);
    },
  };
}

// Neither a kind nor a network has a space in it.
const keyOf = ({ kind, account }: Attacked, network: string): string => `${kind} ${network} ${account}`;

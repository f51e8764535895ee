/**
 * Turns at an account that is attacked. A network that comes for the first time is told to wait, and its turn is its own:
 * however many others come, it is not put off again. Hence whoever has the right password gets in, from a network that
 * nobody attacks from, after one such wait.
 */
export interface Turns {
  /** 0 where the turn has come (it is used up by this), otherwise in how many ms it comes. */
  take(account: string, network: string, wait: number, now: number): number;
  /** A turn that was taken and led to no try. */
  giveBack(account: string, network: string, now: number): void;
  clear(matches: (account: string, network: string) => boolean): void;
}

interface Turn {
  readonly account: string;
  readonly network: string;
  readonly comesAt: number;
}

/** How long a turn that has come is kept, ms. */
const keptFor = 10 * 60_000;
/** Some 150 bytes each; beyond it the oldest go. An attack from more networks than this at a time undoes the promise. */
const mostTurns = 20_000;

export function createTurns(): Turns {
  const turns = new Map<string, Turn>();

  function add(account: string, network: string, comesAt: number): void {
    if (turns.size >= mostTurns) {
      const [oldest] = turns.keys();
      if (oldest !== undefined) turns.delete(oldest);
    }
    turns.set(keyOf(account, network), { account, network, comesAt });
  }

  return {
    take(account, network, wait, now) {
      const key = keyOf(account, network);
      const turn = turns.get(key);
      if (turn && now < turn.comesAt + keptFor) {
        // The clock may have been set back: never longer than what is asked for now.
        const left = Math.min(wait, turn.comesAt - now);
        if (left > 0) return left;
        turns.delete(key);
        return 0;
      }
      turns.delete(key);
      add(account, network, now + wait);
      return wait;
    },
    giveBack: (account, network, now) => add(account, network, now),
    clear(matches) {
      for (const [key, turn] of turns) if (matches(turn.account, turn.network)) turns.delete(key);
    },
  };
}

// A network has no space in it.
const keyOf = (account: string, network: string): string => `${network} ${account}`;

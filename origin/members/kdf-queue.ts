import { MembersError } from "./members.ts";

/** Whose turn it is: turns go round by source, so that one that asks for many holds up nobody but itself. */
export interface KdfTurn {
  /** The network that asks, or whatever else shares one place in the round. */
  readonly source: string;
  /** Known from before: every other turn is theirs, and a stranger makes room for them where none is left. */
  readonly known?: boolean;
}

/** Runs few derivations at a time: each takes 19 MiB and a core, and sign-ins must not starve the rest. */
export interface KdfQueue {
  /** Waits for a turn, then runs `work`. Throws busy at once when too many wait already. */
  run<T>(work: () => Promise<T>, turn?: KdfTurn): Promise<T>;
}

interface Waiting {
  enter(): void;
  turnAway(): void;
}

/** The making of an account and a new password, which a token or the old one has paid for: one source, as long as the queue. */
const ourselves: KdfTurn = { source: "" };

export function createKdfQueue(options: {
  concurrency: number;
  /** So many wait at most, and so many of one source. */
  longest: number;
  perSource: number;
}): KdfQueue {
  let running = 0;
  const known = createRound();
  const strangers = createRound();
  let knownLast = false;

  function next(): Waiting | undefined {
    const rounds = knownLast ? [strangers, known] : [known, strangers];
    const waiting = rounds[0]?.next();
    if (waiting) knownLast = !knownLast;
    return waiting ?? rounds[1]?.next();
  }

  /** Whether there is a place to wait in; the source that takes the most places may have to give one up. */
  function hasRoom(turn: KdfTurn): boolean {
    const round = turn.known === true ? known : strangers;
    const most = turn === ourselves ? options.longest : options.perSource;
    if (round.waitingOf(turn.source) >= most) return false;
    if (known.size() + strangers.size() < options.longest) return true;
    // A source with nobody in the queue comes before the second one of another, one that is known before any stranger.
    const least = turn.known === true ? 1 : round.waitingOf(turn.source) + 2;
    return strangers.turnOneAway(least);
  }

  return {
    async run(work, turn = ourselves) {
      if (running < options.concurrency) running += 1;
      else {
        if (!hasRoom(turn)) throw tooMany();
        // The one who leaves hands its turn over, so that nobody slips in between.
        await new Promise<void>((resolve, reject) => {
          const round = turn.known === true ? known : strangers;
          round.add(turn.source, { enter: resolve, turnAway: () => reject(tooMany()) });
        });
      }
      try {
        return await work();
      } finally {
        const waiting = next();
        if (waiting) waiting.enter();
        else running -= 1;
      }
    },
  };
}

/** Those who wait, by source; each source's first one comes in turn. */
function createRound() {
  const bySource = new Map<string, Waiting[]>();
  let size = 0;
  return {
    size: () => size,
    waitingOf: (source: string) => bySource.get(source)?.length ?? 0,
    add(source: string, waiting: Waiting): void {
      const line = bySource.get(source);
      if (line) line.push(waiting);
      else bySource.set(source, [waiting]);
      size += 1;
    },
    next(): Waiting | undefined {
      for (const [source, line] of bySource) {
        const first = line.shift();
        bySource.delete(source);
        if (line.length > 0) bySource.set(source, line);
        size -= 1;
        return first;
      }
      return undefined;
    },
    /** Sends the last of the longest line away, if that has so many. */
    turnOneAway(least: number): boolean {
      let longest: [string, Waiting[]] | undefined;
      for (const entry of bySource) {
        if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry;
      }
      if (!longest || longest[1].length < least) return false;
      const [source, line] = longest;
      line.pop()?.turnAway();
      if (line.length === 0) bySource.delete(source);
      size -= 1;
      return true;
    },
  };
}

function tooMany(): MembersError {
  return new MembersError("busy", "Too many people are signing in just now. Try again in a few seconds.");
}

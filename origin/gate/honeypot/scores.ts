/** Points by source, which halve with time: what was long ago counts little. */
export interface Scores {
  /** Adds, and gives what there is then. */
  add(source: string, points: number, at: number): number;
  of(source: string, at: number): number;
  forget(source: string): void;
}

/** In memory: a restart forgets what was short of a block, and no attacker can choose when that is. */
const MOST_SOURCES = 10_000;

export function createScores(halfLifeMs: number): Scores {
  const scores = new Map<string, { points: number; at: number }>();
  const of = (source: string, at: number): number => {
    const known = scores.get(source);
    // A clock set back must not make points grow.
    return known === undefined ? 0 : known.points * 0.5 ** (Math.max(0, at - known.at) / halfLifeMs);
  };
  return {
    of,
    add(source, points, at) {
      const sum = of(source, at) + points;
      // Newest last, so that the oldest is the first to go.
      scores.delete(source);
      if (scores.size >= MOST_SOURCES) {
        const [oldest] = scores.keys();
        if (oldest !== undefined) scores.delete(oldest);
      }
      scores.set(source, { points: sum, at });
      return sum;
    },
    forget: (source) => void scores.delete(source),
  };
}

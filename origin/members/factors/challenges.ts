/** What a WebAuthn challenge was given out for. */
export interface ChallengePurpose {
  readonly ceremony: "registration" | "authentication";
  /** Undefined: nobody is known yet, the passkey itself says who it is. */
  readonly memberId: number | undefined;
}

export interface Challenges {
  readonly remember: (challenge: string, purpose: ChallengePurpose) => void;
  /** True once, within five minutes, for the purpose it was given out for; whatever the answer, it is then used up. */
  readonly take: (challenge: string, purpose: ChallengePurpose) => boolean;
}

const lifetime = 5 * 60 * 1000;
/** Anybody may ask for one; past so many the oldest goes. */
const mostOpen = 10_000;

/** Open challenges, in memory: a restart costs whoever was at it one more touch, and a flood writes nothing to disk. */
export function createChallenges(now: () => number): Challenges {
  const open = new Map<string, ChallengePurpose & { readonly until: number }>();
  return {
    remember(challenge, purpose) {
      const [oldest] = open.keys();
      if (open.size >= mostOpen && oldest !== undefined) open.delete(oldest);
      open.set(challenge, { ...purpose, until: now() + lifetime });
    },
    take(challenge, { ceremony, memberId }) {
      const found = open.get(challenge);
      open.delete(challenge);
      return found?.ceremony === ceremony && found.memberId === memberId && found.until > now();
    },
  };
}

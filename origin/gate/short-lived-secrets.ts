import { hash, randomBytes } from "node:crypto";

/**
 * Short-lived secrets that stand for something, in memory: who is issued one uses it soon, and after a restart asks
 * for another. Kept as hashes, as all tokens are.
 */
export interface ShortLivedSecrets<T> {
  issue(value: T, lifetimeMs: number): string;
  /** Undefined: unknown, used up or too old. */
  find(secret: string): T | undefined;
  /** As `find`, and it is used up: of two at the same time one gets it. */
  take(secret: string): T | undefined;
}

/** Beyond them the oldest goes: nobody fills the memory by asking. */
const mostAtOnce = 2000;

export function createShortLivedSecrets<T>(now: () => number): ShortLivedSecrets<T> {
  const issued = new Map<string, { value: T; endsAt: number }>();
  const keyOf = (secret: string): string => hash("sha256", secret, "base64url");

  function find(secret: string): T | undefined {
    const key = keyOf(secret);
    const entry = issued.get(key);
    if (entry && entry.endsAt > now()) return entry.value;
    issued.delete(key);
    return undefined;
  }

  return {
    issue(value, lifetimeMs) {
      const secret = randomBytes(32).toString("base64url");
      if (issued.size >= mostAtOnce) issued.delete(issued.keys().next().value ?? "");
      issued.set(keyOf(secret), { value, endsAt: now() + lifetimeMs });
      return secret;
    },
    find,
    take(secret) {
      const value = find(secret);
      issued.delete(keyOf(secret));
      return value;
    },
  };
}

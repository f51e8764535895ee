/**
 * What is closed, the weakest first: `logins` opens no new session, `soft` answers nobody, `hard` stops what runs
 * beside the origin as well, and `lost`, which is the edge's alone, forwards nothing and believes no key.
 */
export const PANIC_LEVELS = ["none", "logins", "soft", "hard", "lost"] as const;

/** The panic level in force. */
export type PanicLevel = (typeof PANIC_LEVELS)[number];

/** The level of those given that closes the most: one that is in force is never loosened by another. */
export function strongestPanic(...levels: readonly PanicLevel[]): PanicLevel {
  return PANIC_LEVELS[Math.max(0, ...levels.map((level) => PANIC_LEVELS.indexOf(level)))] ?? "lost";
}

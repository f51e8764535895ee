/** The longest type, state key, user, room or event id, in bytes of UTF-8 (specification §Size limits). */
export const maximumIdBytes = 255;

// The historical grammar: events may name users of other servers, whose names are freer than ours (Appendices
// §Historical User IDs).
const userId = /^@[^:\0]*:[A-Za-z0-9.:[\]-]+$/;

export function isUserId(value: unknown): boolean {
  return typeof value === "string" && userId.test(value) && isWithinIdLimit(value);
}

export function isWithinIdLimit(value: string): boolean {
  // A unit of UTF-16 takes at most three bytes, so most names need no counting.
  return value.length * 3 <= maximumIdBytes || Buffer.byteLength(value) <= maximumIdBytes;
}

/** The server name in `@local:domain`, `#alias:domain` and the like; empty where there is none. */
export function domainOf(id: string): string {
  const colon = id.indexOf(":");
  return colon === -1 ? "" : id.slice(colon + 1);
}

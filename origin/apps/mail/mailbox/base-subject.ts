/** `Re:`, `Fwd:` and their like in the languages whose programs write them, with counts (`Re[2]:`). */
const prefix = /^(?:(?:re|r|fwd?|fw|aw|wg|antw|sv|vs|tr|rif|enc|odp|ynt|回复|转发)(?:\[\d+\])?\s*[:：]\s*)/iu;
/** `[list]` before the words. */
const tag = /^\[[^\][]{1,64}\]\s*(?=\S)/;
const suffix = /\s*\(fwd\)$/i;

/** Nobody reads on, and each prefix that is taken costs as much as the whole. */
const longest = 1000;

/** A subject without what replies and lists put before it, folded: by it threads are told apart and mail is sorted (RFC 5256 §2.1). */
export function baseSubject(subject: string): string {
  let rest = subject.slice(0, longest).replaceAll(/\s+/g, " ").trim();
  for (;;) {
    const shorter = rest.replace(suffix, "").replace(prefix, "").replace(tag, "");
    if (shorter === rest) return rest.normalize("NFKC").toLowerCase();
    rest = shorter;
  }
}

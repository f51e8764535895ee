/**
 * Matrix's globs (Appendices §Glob-style matching), matched by hand: a member chooses the pattern and another the
 * text, and a regular expression of several `*` can take minutes over 64 KiB. Here the cost is at most the product of
 * both lengths.
 */
export type TextMatcher = (text: string) => boolean;

/** The text between two `*`. */
interface Segment {
  readonly text: string;
  /** Whether a `?` in it stands for any one character. */
  readonly hasAny: boolean;
}

/** Matches the whole text, in either case: `*` is any run of characters, `?` any one. */
export function compileGlob(pattern: string): TextMatcher {
  const lowered = pattern.toLowerCase();
  if (!/[*?]/.test(lowered)) return (text) => text === lowered || lower(text) === lowered;
  const segments = splitAtStars(lowered, true);
  return (text) => matchesWhole(segments, lower(text));
}

/**
 * Matches any part of the text that starts and ends at a word boundary, in either case (Client-Server §Conditions:
 * the special case of `content.body`).
 */
export function compileWordGlob(pattern: string): TextMatcher {
  const segments = splitAtStars(pattern.toLowerCase(), true);
  return (text) => matchesWords(segments, lower(text));
}

/** Whether the phrase stands in the text between word boundaries, in either case. No character of it is special. */
export function containsPhrase(text: string, phrase: string): boolean {
  return phrase !== "" && matchesWords([{ text: phrase.toLowerCase(), hasAny: false }], lower(text));
}

/** The wildcards of filters: the case counts, and only `*` is special (Client-Server §Filtering). */
export function compileWildcard(pattern: string): TextMatcher {
  if (!pattern.includes("*")) return (text) => text === pattern;
  const segments = splitAtStars(pattern, false);
  return (text) => matchesWhole(segments, text);
}

let lastText = "";
let lastLower = "";

/** Everyone's rules look at the same text, one after the other; only a long one is worth keeping. */
function lower(text: string): string {
  if (text.length < 32) return text.toLowerCase();
  if (text !== lastText) {
    lastLower = text.toLowerCase();
    lastText = text;
  }
  return lastLower;
}

function splitAtStars(pattern: string, anyCharacter: boolean): Segment[] {
  return pattern.split("*").map((text) => ({ text, hasAny: anyCharacter && text.includes("?") }));
}

// Taking the earliest place for each segment but the last leaves the most room for the rest, so no step is retried.
function matchesWhole(segments: readonly Segment[], text: string): boolean {
  const [first, ...rest] = segments;
  const last = rest.pop();
  if (first === undefined) return false;
  let at = endOfMatch(first, text, 0);
  if (last === undefined) return at === text.length;
  for (const segment of rest) {
    if (at === -1) return false;
    at = endOfFirstMatch(segment, text, at);
  }
  if (at === -1) return false;
  // A character takes up to two units, so a segment of n characters begins at most 2n units before the end.
  for (let start = Math.max(at, text.length - 2 * last.text.length); start <= text.length; start++) {
    if (endOfMatch(last, text, start) === text.length) return true;
  }
  return false;
}

function matchesWords(segments: readonly Segment[], text: string): boolean {
  const [first, ...rest] = segments;
  const last = rest.pop();
  if (first === undefined) return false;
  for (let start = 0; start <= text.length; start++) {
    if (!first.hasAny) {
      start = text.indexOf(first.text, start);
      if (start === -1) return false;
    }
    if (!isBoundary(text, start - 1)) continue;
    let at = endOfMatch(first, text, start);
    if (at === -1) continue;
    if (last === undefined) {
      if (isBoundary(text, at)) return true;
      continue;
    }
    for (const segment of rest) {
      at = endOfFirstMatch(segment, text, at);
      if (at === -1) return false;
    }
    return endsAtBoundary(last, text, at);
  }
  return false;
}

function endsAtBoundary(segment: Segment, text: string, from: number): boolean {
  for (let start = from; start <= text.length; start++) {
    if (!segment.hasAny) {
      start = text.indexOf(segment.text, start);
      if (start === -1) return false;
    }
    const end = endOfMatch(segment, text, start);
    if (end !== -1 && isBoundary(text, end)) return true;
  }
  return false;
}

/** Where the segment, laid at `at`, ends; -1 where it does not fit. */
function endOfMatch(segment: Segment, text: string, at: number): number {
  if (!segment.hasAny) return text.startsWith(segment.text, at) ? at + segment.text.length : -1;
  let end = at;
  for (let index = 0; index < segment.text.length; index++) {
    if (end >= text.length) return -1;
    const wanted = segment.text.charCodeAt(index);
    if (wanted === questionMark) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
    else if (text.charCodeAt(end) === wanted) end++;
    else return -1;
  }
  return end;
}

function endOfFirstMatch(segment: Segment, text: string, from: number): number {
  if (!segment.hasAny) {
    const start = text.indexOf(segment.text, from);
    return start === -1 ? -1 : start + segment.text.length;
  }
  for (let start = from; start < text.length; start++) {
    const end = endOfMatch(segment, text, start);
    if (end !== -1) return end;
  }
  return -1;
}

const questionMark = 0x3f;

/** Whether the unit at `at` is no word character; outside the text there is none. */
function isBoundary(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const isLetter = (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a);
  const isDigit = unit >= 0x30 && unit <= 0x39;
  return !(isLetter || isDigit || unit === 0x5f);
}

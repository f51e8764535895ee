import { invalidParam } from "../matrix-error.ts";
import { type Term, termsToFind, type Word, wordsOf } from "./words.ts";

/** What somebody looks for. A text must have all of it. */
export interface Query {
  /** FTS5's expression for a room; undefined where nothing can be found. */
  expression(room: number): string | undefined;
  /** How well the words of a text answer; undefined when they do not. */
  match(words: readonly Word[]): Match | undefined;
}

export interface Match {
  /** How often each part of the query was found. */
  readonly counts: readonly number[];
  /** The words of the text that were found, as they stand there. */
  readonly found: readonly string[];
}

/** Words side by side; a single word may be the beginning of one, unless it was quoted. */
interface Part {
  readonly words: readonly Word[];
  readonly exact: boolean;
}

const mostWords = 32;

/**
 * Takes what a person types: words, and "words in quotes" that must stand so. Everything else is left out, so that no
 * input has a meaning for FTS5. Throws 400 M_INVALID_PARAM for more words than anybody needs.
 */
export function parseQuery(text: string): Query {
  const parts: Part[] = [];
  for (const [index, piece] of text.split('"').entries()) {
    const words = wordsOf(piece);
    if (words.length === 0) continue;
    if (index % 2 === 1) parts.push({ words, exact: true });
    else for (const word of words) parts.push({ words: [word], exact: false });
  }
  const count = parts.reduce((sum, part) => sum + part.words.length, 0);
  if (count > mostWords) throw invalidParam(`search_term may have at most ${mostWords} words.`);
  const terms = parts.flatMap(({ words, exact }) => words.flatMap((word) => termsToFind(word, !exact)));

  return {
    expression: (room) =>
      terms.length === 0 ? undefined : terms.map((term) => expressionOf(room, term)).join(" AND "),
    match(words) {
      const counts: number[] = [];
      const found: string[] = [];
      for (const part of parts) {
        const before = found.length;
        const many = occurrences(part, words, found);
        if (many === 0 || found.length === before) return undefined;
        counts.push(many);
      }
      return { counts, found };
    },
  };
}

/** How a term of a room is written in the index. */
export const inRoom = (room: number, term: string): string => `${room.toString(36)}:${term}`;

/** Letters and digits only stand between the quotes. */
const expressionOf = (room: number, { text, isBeginning }: Term): string =>
  `"${inRoom(room, text)}"${isBeginning ? " *" : ""}`;

function occurrences({ words: wanted, exact }: Part, words: readonly Word[], found: string[]): number {
  let count = 0;
  for (let start = 0; start + wanted.length <= words.length; start += 1) {
    if (!wanted.every((word, at) => answers(words[start + at], word, exact))) continue;
    count += 1;
    for (const [at, word] of wanted.entries()) {
      const { original = "" } = words[start + at] ?? {};
      found.push(word.unspaced ? word.original : original);
    }
  }
  return count;
}

function answers(word: Word | undefined, wanted: Word, exact: boolean): boolean {
  if (!word || word.unspaced !== wanted.unspaced) return false;
  if (wanted.unspaced) return word.folded.includes(wanted.folded);
  return exact ? word.folded === wanted.folded : word.folded.startsWith(wanted.folded);
}

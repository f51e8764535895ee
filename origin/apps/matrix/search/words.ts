import { fold } from "./fold.ts";

/**
 * How texts are taken apart for the search, and what somebody types to find them alike: without regard to case and
 * to accents, in any script. Words are found from their beginning on ("sun" finds "Sunday"), which serves all
 * languages; stemming would serve one. Scripts that set no spaces between words are found by any part.
 */
export interface Word {
  /** As it stands in the text: what a client highlights. */
  readonly original: string;
  readonly folded: string;
  /** Of a script without spaces: `folded` is a run of words. */
  readonly unspaced: boolean;
}

/** Characters. What stands later in a text is not found: nobody types so much, and one event must not take long. */
const mostText = 10_000;
/** Characters of a word that the index looks at. */
const mostOfTerm = 40;

/** To be counted up with every change of this file that makes other terms of a text: the index is then made anew. */
export const wordsVersion = `1, Unicode ${process.versions.unicode}`;

const anyWord = /[\p{L}\p{N}\p{M}]+/gu;
const unspacedScripts =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Bopomofo}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}\\p{Script=Tibetan}\\u30fc";
const runs = new RegExp(`[${unspacedScripts}]+|[^${unspacedScripts}]+`, "gu");
const isUnspaced = new RegExp(`^[${unspacedScripts}]`, "u");
const plainWord = /^[A-Za-z0-9]+$/;

/** The words of a text, in their order. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const [whole] of text.slice(0, mostText).matchAll(anyWord)) {
    // Most words of most texts: what follows would find the same.
    if (plainWord.test(whole)) {
      words.push({ original: whole, folded: whole.toLowerCase(), unspaced: false });
      continue;
    }
    for (const [original] of whole.matchAll(runs)) {
      const unspaced = isUnspaced.test(original);
      // Folding may take a sign apart: ½ into two numbers.
      for (const [folded] of fold(original).matchAll(anyWord)) words.push({ original, folded, unspaced });
    }
  }
  return words;
}

/** What the index keeps of a text: each term once. Of an unspaced run its pairs of characters, and the last one. */
export function termsOf(words: readonly Word[]): Set<string> {
  const terms = new Set<string>();
  for (const { folded, unspaced } of words) {
    if (unspaced) for (const pair of pairsOf(folded)) terms.add(pair);
    else terms.add(termOf(folded));
  }
  return terms;
}

function pairsOf(run: string): string[] {
  const characters = Array.from(run);
  return characters.map((character, at) => character + (characters[at + 1] ?? ""));
}

const termOf = (word: string): string => (word.length <= mostOfTerm ? word : word.slice(0, mostOfTerm));

export interface Term {
  readonly text: string;
  /** Any term that begins so will do. */
  readonly isBeginning: boolean;
}

/** The terms that every text which holds the word must have; `isBeginning`: it may be the beginning of one. */
export function termsToFind({ folded, unspaced }: Word, isBeginning: boolean): Term[] {
  if (!unspaced) return [{ text: termOf(folded), isBeginning: isBeginning || folded.length > mostOfTerm }];
  const pairs = pairsOf(folded);
  if (pairs.length === 1) return [{ text: folded, isBeginning: true }];
  // The last of them is a character alone.
  return pairs.slice(0, -1).map((text) => ({ text, isBeginning: false }));
}

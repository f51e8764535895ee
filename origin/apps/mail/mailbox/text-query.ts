/** Columns of `email_text` by the names of JMAP's conditions; `text` is all of them. */
export type TextField = "text" | "from" | "to" | "cc" | "bcc" | "subject" | "body";

const columns: Readonly<Record<Exclude<TextField, "text">, string>> = {
  from: "sender",
  to: "recipients",
  cc: "cc",
  bcc: "bcc",
  subject: "subject",
  body: "body",
};

/** Words of one search, and characters that are looked at: the index takes minutes for a phrase of a million words. */
const mostWords = 32;
const mostCharacters = 1000;

/** A half surrogate at the cut is no letter, and left out by the index. */
const termsIn = (text: string): RegExpExecArray[] =>
  [...text.slice(0, mostCharacters).matchAll(/"([^"]*)"|(\S+)/g)].slice(0, mostWords);

/**
 * What FTS5 is asked for a search as people write it (RFC 8621 §4.4.1): all words, wherever they stand and begun ones
 * too; what is in quotes as it stands. Undefined where there is no word in it.
 */
export function matchOf(field: TextField, text: string): string | undefined {
  const phrases = termsIn(text).flatMap(([, quoted, word = ""]) => {
    const phrase = (quoted ?? word).replaceAll('"', " ");
    // The index knows letters and digits only; a phrase without any would be a fault of syntax.
    if (!/[\p{L}\p{N}]/u.test(phrase)) return [];
    return [quoted === undefined ? `"${phrase}"*` : `"${phrase}"`];
  });
  if (phrases.length === 0) return undefined;
  const all = phrases.join(" AND ");
  return field === "text" ? all : `{${columns[field]}} : (${all})`;
}

/** The words of a search, folded as the index folds: for marking them in what is shown. */
export function wordsOf(text: string): { readonly word: string; readonly isWhole: boolean }[] {
  return termsIn(text).flatMap(([, quoted, word = ""]) =>
    [...(quoted ?? word).matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map(([found]) => ({
      word: foldWord(found),
      isWhole: quoted !== undefined,
    })),
  );
}

export function foldWord(word: string): string {
  return word
    .normalize("NFD")
    .replaceAll(/\p{M}+/gu, "")
    .toLowerCase();
}

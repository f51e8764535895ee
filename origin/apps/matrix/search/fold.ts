/** Accents, which go with any script; not the vowel signs of one, nor the voicing of kana, which tell words apart. */
const accents = /[[\p{Mn}&&\p{Script=Inherited}]--[\u3099\u309a]]+/gv;
/** Letters that are taken apart into no letter and accent. */
const plain: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ı: "i",
  ς: "σ",
};
const odd = new RegExp(`[${Object.keys(plain).join("")}]`, "g");
const ascii = /^[\0-\x7f]*$/;

/** A text as it is searched for: without case and accents, in the compatible form. `Ⓐda`, `ada` and `Áda` are one. */
export function fold(text: string): string {
  if (ascii.test(text)) return text.toLowerCase();
  // Composed again: Hangul would otherwise stay in pieces.
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(accents, "")
    .normalize("NFC")
    .replaceAll(odd, (letter) => plain[letter] ?? letter);
}

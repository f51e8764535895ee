/** What benches fill a server with: texts of invented words, the same in every run. */

let seed = 1;
/** 0 to 1, the same numbers in every run. */
export function random(): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}
export const vocabulary = Array.from({ length: 20_000 }, () =>
  Array.from({ length: 3 + Math.floor(random() * 7) }, () =>
    String.fromCodePoint(97 + Math.floor(random() * 26)),
  ).join(""),
);
/** Some are written often, most seldom. */
const word = (): string => vocabulary[Math.floor(vocabulary.length * random() ** 4)] ?? "";
export const words = (count: number): string => Array.from({ length: count }, word).join(" ");

import { MembersError } from "./members.ts";

export const shortestPassword = { owner: 16, member: 12 } as const;
/** In NFKC. */
const longestPasswordBytes = 1024;
/** As typed: NFKC leaves at least one byte in four, so what is longer is no password, and need not be normalised. */
export const longestInputBytes = 4 * longestPasswordBytes;

const tooLong = `Use a shorter password: at most ${longestPasswordBytes} bytes.`;

/** What a guesser tries first, whole or joined; written as `fold` leaves them. */
const commonWords = (
  "password passwort passwd passphrase pass word secret letmein welcome changeme default access login admin " +
  "administrator root user test guest master qwerty qwertz azerty asdf zxcv iloveyou loveyou love princess " +
  "sunshine monkey dragon football baseball superman batman starwars shadow michael jordan charlie trustnoi " +
  "hello whatever freedom summer winter spring autumn computer internet server matrix burrow element home " +
  "correcthorsebatterystaple thequickbrownfoxjumpsoverthelazydog loremipsumdolorsitamet tobeornottobe " +
  "maytheforcebewithyou openthedoor thisis abc the and"
)
  .split(" ")
  .toSorted((a, b) => b.length - a.length);

/** Neighbours in these rows (both ways) are what fingers and alphabets give for nothing. */
const rows = [
  "abcdefghijklmnopqrstuvwxyz",
  "01234567890",
  "qwertyuiop",
  "qwertzuiop",
  "azertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "1q2w3e4r5t6y7u8i9o0p",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
];
const neighbours = new Set(
  rows.flatMap((row) =>
    Array.from({ length: row.length - 1 }, (_, at) => [
      row.slice(at, at + 2),
      row[at + 1]! + row[at]!,
    ]).flat(),
  ),
);

/** Throws password-weak with what to change. `names` are words that belong to the account, such as its name. */
export function checkPassword(input: string, role: "owner" | "member", names: readonly string[]): void {
  checkPasswordSize(input);
  const password = input.normalize("NFKC");
  const characters = Array.from(password);
  const shortest = shortestPassword[role];
  if (characters.length < shortest) {
    throw weak(
      `Use at least ${shortest} characters (this has ${characters.length}). Four or five unrelated words are easy to remember.`,
    );
  }
  if (isRepetition(characters)) {
    throw weak("This repeats the same few characters. Use unrelated words instead, four or five of them.");
  }
  if (isRun(password.toLowerCase())) {
    throw weak("This follows the keyboard, the alphabet or the digits. Use unrelated words instead.");
  }
  if (isGuessable(password, names)) {
    throw weak("This is built from the words that are tried first, or from your name. Add unrelated words.");
  }
}

/** Throws password-weak for one that is too long to derive a key from. */
export function checkPasswordSize(input: string): void {
  if (Buffer.byteLength(input) > longestInputBytes) throw weak(tooLong);
  if (Buffer.byteLength(input.normalize("NFKC")) > longestPasswordBytes) throw weak(tooLong);
}

/** Few different characters, or a unit of up to eight of them again and again. */
function isRepetition(characters: readonly string[]): boolean {
  if (new Set(characters).size < 5) return true;
  for (let unit = 1; unit <= 8; unit += 1) {
    if (characters.every((character, at) => character === characters[at % unit])) return true;
  }
  return false;
}

function isRun(password: string): boolean {
  let steps = 0;
  for (let at = 0; at + 1 < password.length; at += 1) {
    const pair = password.slice(at, at + 2);
    if (neighbours.has(pair) || pair[0] === pair[1]) steps += 1;
  }
  return steps >= (password.length - 1) * 0.7;
}

/** Whether there are such words in it, and hardly anything is left without them and without padding. */
function isGuessable(password: string, names: readonly string[]): boolean {
  const whole = fold(password);
  const own = names.map(fold).filter((name) => name.length >= 3);
  let rest = whole;
  for (const word of [...own, ...commonWords]) rest = rest.replaceAll(word, " ");
  return rest !== whole && rest.replaceAll(" ", "").length < 4;
}

/** Lower-case letters only: digits that stand for letters become them, other digits and signs are padding. */
function fold(text: string): string {
  const letters: Record<string, string> = { "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t" };
  const signs: Record<string, string> = { "@": "a", $: "s", "!": "i" };
  return Array.from(text.toLowerCase().replace(/[\d\p{P}\p{S}\s]+$/u, ""))
    .map((character) => letters[character] ?? signs[character] ?? character)
    .join("")
    .replace(/[\d\p{P}\p{S}\s]/gu, "");
}

function weak(message: string): MembersError {
  return new MembersError("password-weak", message);
}

import { MembersError } from "./members.ts";

const longest = 100;

/** What a member calls a key or a passkey: one line, without what a terminal obeys. Throws label-invalid. */
export function readLabel(input: string, fallback: string): string {
  if (input.length > longest) {
    throw new MembersError("label-invalid", `Give it a shorter name: at most ${longest} characters.`);
  }
  const label = input
    .normalize("NFC")
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
  return label === "" ? fallback : label;
}

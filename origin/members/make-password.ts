import { randomInt } from "node:crypto";

/** Five groups of five letters and digits that are not easily confused: 121 bits, and still to be read out. */
export function makePassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join("");
  return Array.from({ length: 5 }, group).join("-");
}

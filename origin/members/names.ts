import { MembersError } from "./members.ts";

/** A user id has 255 bytes at most, with the server's name in it. */
const longestName = 100;

// The localpart grammar of Matrix user ids (appendices, "User Identifiers"), but beginning with a letter or a
// digit: `_` leads the names that bridges make, and `.`, `/`, `-` in front trip mail and the command line.
const grammar = /^[a-z0-9][a-z0-9._=/+-]{0,99}$/;

/** Names that speak for the server, or that mail keeps for roles (RFC 2142). */
const reserved = new Set(
  (
    "abuse admin administrator burrow everyone help hostmaster info mailer-daemon noc noreply no-reply owner " +
    "postmaster root security server support system webmaster"
  ).split(" "),
);

/** Longer input is no name in any spelling: normalising megabytes of it would hold everybody up. */
const longestInput = 1000;

/** The one spelling of a name: NFKC, lower-case, no space around. */
export function canonicalName(name: string): string {
  if (name.length > longestInput) return name;
  return name.normalize("NFKC").trim().toLowerCase();
}

/** The canonical form of a name that may be given out; throws name-invalid. */
export function parseName(input: string): string {
  const name = canonicalName(input);
  if (name === "") throw new MembersError("name-invalid", "Choose a name.");
  if (name.length > longestName) {
    throw new MembersError("name-invalid", `Choose a shorter name: at most ${longestName} characters.`);
  }
  if (!grammar.test(name)) {
    throw new MembersError(
      "name-invalid",
      "Use letters a to z, digits and . _ - = / + only, and begin with a letter or a digit.",
    );
  }
  if (reserved.has(name)) {
    throw new MembersError("name-invalid", "This name is kept for the server itself. Choose another one.");
  }
  return name;
}

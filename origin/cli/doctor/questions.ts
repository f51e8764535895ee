import type { Check } from "../../app.ts";
import { readFact } from "../../host/facts.ts";
import type { Database } from "../../storage/database.ts";
import { ok, warning } from "./check.ts";

const yearMs = 366 * 86_400_000;

interface Question {
  readonly asks: string;
  readonly why: string;
  readonly how: string;
  /** Asked on phones only. */
  readonly phone?: true;
}

/** What no program can see, asked once a year (H5). */
export const questions: Readonly<Record<string, Question>> = {
  "screen-lock": {
    asks: "Does the device lock its screen with a PIN or password?",
    why: "Whoever finds an unlocked phone has the whole server.",
    how: "Set one in the device's settings.",
    phone: true,
  },
  "device-encryption": {
    asks: "Is the device's storage encrypted?",
    why: "Messages, files and keys can be read from a stolen device's storage otherwise.",
    how: "Phones are encrypted once they have a screen lock; on a box use LUKS for the partition of the data folder.",
  },
  "remote-wipe": {
    asks: "Can the device be found and wiped from afar?",
    why: "After a theft it is the last word on what is on it.",
    how: 'Turn on "Find My Device", and try once that the device shows up there.',
    phone: true,
  },
  "adb-authorisations": {
    asks: "Are the computers that may debug the device by USB or Wi-Fi revoked, and debugging off?",
    why: "An authorised computer reads everything that Burrow can read.",
    how: 'Developer options: "Revoke USB debugging authorisations", then turn debugging off.',
    phone: true,
  },
  "cloudflare-2fa": {
    asks: "Does the Cloudflare account ask for a second factor?",
    why: "Whoever has that account can answer in the server's name.",
    how: "Cloudflare dashboard: My Profile, Authentication. A passkey or security key is best.",
  },
};

export function factOf(question: string): string {
  return `confirmed:${question}`;
}

/** One row a question; `android` leaves out none. */
export function checkQuestions(database: Database, now: number, android: boolean): Check[] {
  return Object.entries(questions)
    .filter(([, question]) => android || question.phone === undefined)
    .map(([name, { asks, why, how }]) => {
      const at = readFact(database, factOf(name))?.notedAt;
      // A date in the future is a clock that was wrong then.
      if (at !== undefined && at <= now && now - at <= yearMs) {
        return ok(name, `${asks} Confirmed ${new Date(at).toISOString().slice(0, 10)}.`);
      }
      const when = at === undefined ? "Never confirmed." : "Confirmed more than a year ago.";
      const mend = `${how} Then: burrow doctor --confirm ${name}`;
      return warning(name, `${asks} ${when}`, { why, mend });
    });
}

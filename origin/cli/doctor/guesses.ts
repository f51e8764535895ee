import type { Check } from "../../app.ts";
import { listThrottles } from "../../gate/guess-limits/list-throttles.ts";
import { openThrottleStore } from "../../gate/guess-limits/throttle-store.ts";
import type { Database } from "../../storage/database.ts";
import { ok, warning } from "./check.ts";

/** Who is trying passwords and codes. `members`: the accounts that there are; strangers try other names too. */
export function checkGuesses(database: Database, members: ReadonlySet<string>, now: number): Check {
  const throttles = listThrottles(openThrottleStore(database).load(), now);
  const attacked = new Set(
    throttles.flatMap(({ key, attacked: is }) =>
      is && "account" in key && members.has(key.account) ? [key.account] : [],
    ),
  );
  const waiting = throttles.filter(({ waitMs }) => waitMs > 0).length;
  if (attacked.size === 0) {
    return ok(
      "guesses",
      waiting === 0
        ? "Nobody has to wait for wrong passwords or codes."
        : `Sources of wrong passwords or codes that have to wait: ${waiting} (burrow throttle list).`,
    );
  }
  const names = [...attacked].join(", ");
  return warning("guesses", `Somebody is guessing the password of ${names}.`, {
    why: "From a network that the account does not know, a sign-in takes half a minute's wait now. Who has signed in before notices nothing.",
    mend: `Nothing, while the password is long and used nowhere else. "burrow throttle list" shows where it comes from; "burrow throttle clear ${[...attacked][0]}" ends the wait.`,
  });
}

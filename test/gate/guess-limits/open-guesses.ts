import { join } from "node:path";

import { createGuessLimits } from "../../../origin/gate/guess-limits/create-guess-limits.ts";
import type { GuessLimits, GuessOverview } from "../../../origin/gate/guess-limits/guess-limits.ts";
import { throttleMigrations } from "../../../origin/gate/guess-limits/migrations.ts";
import { openDatabase } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";

/** The limits on a database of their own in `folder`; `close` before the folder goes. */
export function openGuesses(
  folder: string,
  now: () => number,
  nameOf: (memberId: number) => string | undefined = () => undefined,
): GuessLimits & GuessOverview & { close(): Promise<void> } {
  const database = openDatabase({
    name: "throttle",
    file: join(folder, "throttle.db"),
    migrations: throttleMigrations,
    open: chooseDriver(),
  });
  const log = { warn: (event: string) => process.stderr.write(`${event}\n`) };
  const guesses = createGuessLimits({ database, nameOf, now, limited: true, log });
  return {
    ...guesses,
    async close() {
      await guesses.close();
      await database.close();
    },
  };
}

import type { App, Check } from "../app.ts";
import type { Database } from "../storage/database.ts";
import { noteFact } from "./facts.ts";
import type { Log } from "./log.ts";

/** The name of the fact that holds what the apps found out about themselves. */
export const appChecks = "app-checks";

const everyMs = 3_600_000;

/** Asks the apps now and every hour how they are, for `doctor`: a second process must not start them beside this one. */
export function noteAppChecks(options: {
  apps: readonly App[];
  database: Database;
  now: () => number;
  log: Log;
}): { close(): Promise<void> } {
  const { apps, database, now, log } = options;

  async function ask(): Promise<void> {
    const checks: Check[] = [];
    for (const app of apps) {
      try {
        const found = (await app.doctor?.()) ?? [];
        checks.push(...found.map((check) => ({ ...check, name: `${app.name} ${check.name}` })));
      } catch (error) {
        log.error("doctor.app-failed", { app: app.name, error });
        checks.push({
          name: app.name,
          status: "failed",
          detail: "It could not look after itself.",
          why: "What is wrong with it stays unseen.",
          mend: 'See its lines in the log ("burrow diagnostics").',
        });
      }
    }
    await noteFact(database, appChecks, { value: log.redact(JSON.stringify(checks)), notedAt: now() });
  }

  let asking = Promise.resolve();
  function askSafely(): void {
    asking = ask().catch((error: unknown) => log.error("doctor.apps-failed", { error }));
  }

  askSafely();
  const timer = setInterval(askSafely, everyMs);
  timer.unref();
  return {
    /** Waits for answers that an app still waits for itself, which is not for long once it is closed. */
    async close() {
      clearInterval(timer);
      await asking;
    },
  };
}

import type { Check } from "../../app.ts";
import { appChecks } from "../../host/note-app-checks.ts";
import { readFact } from "../../host/facts.ts";
import type { Database } from "../../storage/database.ts";

/** What the apps found out about themselves: the running daemon asks them, and leaves their answers in host.db. */
export function readAppChecks(database: Database): Check[] {
  const fact = readFact(database, appChecks);
  return fact ? (JSON.parse(fact.value) as Check[]) : [];
}

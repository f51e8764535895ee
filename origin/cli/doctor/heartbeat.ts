import { HEARTBEAT_EVERY_MS } from "../../../shared/heartbeat.ts";
import type { Check } from "../../app.ts";
import { readFact } from "../../host/facts.ts";
import { heartbeatFact } from "../../host/heartbeat.ts";
import type { Database } from "../../storage/database.ts";
import { ok, warning } from "./check.ts";

/** Whether the edge hears of this device by itself: without that nobody is alerted when it falls silent. */
export function checkHeartbeat(database: Database, now: number): Check {
  const remedy = {
    why: "The edge alerts you when this device falls silent, and cannot tell that from now.",
    mend: 'Look at the row "edge"; then: npm run deploy, which brings the Worker up to this version.',
  };
  const at = readFact(database, heartbeatFact)?.notedAt;
  if (at === undefined) return warning("heartbeat", "The edge has never taken a sign of life.", remedy);
  const when = `The edge took the last sign of life at ${new Date(at).toISOString()}.`;
  return now - at > 3 * HEARTBEAT_EVERY_MS ? warning("heartbeat", when, remedy) : ok("heartbeat", when);
}

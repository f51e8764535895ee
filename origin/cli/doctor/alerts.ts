import type { Check } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import { openAlertStore } from "../../host/alerts/alert-store.ts";
import { portNames } from "../../host/alerts/ports.ts";
import type { Database } from "../../storage/database.ts";
import { ok, warning } from "./check.ts";

/** What the daemon has found wrong, and whether it could tell anybody. */
export function checkAlerts(config: Config, database: Database): Check[] {
  const ports = portNames(config.alerts);
  const open = openAlertStore({ database, ports, now: Date.now, redact: (text) => text }).open();
  return [
    ports.length > 0
      ? ok("alert-ways", `Alerts go out by ${ports.join(" and ")}.`)
      : warning("alert-ways", "Alerts reach nobody.", {
          why: "A full disk or a late backup shows only to whoever looks.",
          mend: 'burrow config set alerts.ntfy_url --stdin (the https URL of a ntfy topic), then "burrow alerts test"',
        }),
    ...open.map(({ id, title, detail }) =>
      warning(`alert ${id}`, `${title}.`, {
        why: detail,
        mend: "See to what it tells of: it ends when that is mended. burrow alerts list",
      }),
    ),
  ];
}

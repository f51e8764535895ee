import type { Config } from "../../config/config.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { Database } from "../../storage/database.ts";
import type { Log } from "../log.ts";
import type { Alert, AlertRecord } from "./alert.ts";
import { openAlertStore, quietMs } from "./alert-store.ts";
import { startDelivery } from "./delivery.ts";
import { type AlertOutbound, type AlertPort, createPorts } from "./ports.ts";

export type { Alert, AlertRecord } from "./alert.ts";

export interface Alerts {
  /** Opens the alert, or refreshes the open one. Never throws and never waits: sending happens by itself. */
  raise(alert: Alert): void;
  /** It is well again. Nothing happens when no such alert is open. */
  clear(id: string): void;
  /** The newest first, open and cleared ones. */
  history(limit: number): AlertRecord[];
  /** Those that still hold, the newest first. */
  open(): AlertRecord[];
  /** Stops sending; what is queued goes out after the next start. */
  close(): Promise<void>;
}

/**
 * The one alert port: keeps alerts in host.db, de-duplicated by id, and sends them on through what the settings
 * name (a ntfy topic, a webhook) with retries. The log has each of them in any case.
 */
export function createAlerts(options: {
  database: Database;
  outbound: AlertOutbound;
  config: Pick<Config, "alerts" | "serverName">;
  secrets: Pick<Secrets, "readOptional">;
  log: Log;
  now: () => number;
}): Alerts {
  const { database, log, now } = options;
  const ports: readonly AlertPort[] = createPorts(options);
  const store = openAlertStore({
    database,
    ports: ports.map((port) => port.name),
    now,
    redact: (text) => log.redact(text),
  });
  const delivery = startDelivery({ store, ports, log, now });

  /** Notes on their way to the disk: until they are there, what the store tells is a moment old. */
  let pending = 0;
  async function note(id: string, work: () => Promise<void>, instead?: () => void): Promise<void> {
    pending += 1;
    try {
      await work();
      unkept.delete(id);
      delivery.wake();
    } catch (error) {
      // Keeping an alert must not break what raised it; what watches raises it again each minute.
      if (isQuiet(id)) return;
      unkept.set(id, performance.now());
      log.error("alert.not-kept", { id, error: String(error) });
      instead?.();
    } finally {
      pending -= 1;
    }
  }

  /** When the alert was last sent without having been kept. */
  const unkept = new Map<string, number>();
  const isQuiet = (id: string): boolean =>
    performance.now() - (unkept.get(id) ?? Number.NEGATIVE_INFINITY) < quietMs;

  /** That the disk is full is what the owner most needs to hear, and the one thing that cannot be queued on it. */
  function sendUnkept(alert: Alert): void {
    const at = now();
    const title = log.redact(alert.title);
    const detail = log.redact(alert.detail);
    for (const port of ports) {
      port
        .send({ ...alert, title, detail, state: "raised", raisedAt: at, clearedAt: null })
        .catch((error: unknown) =>
          log.warn("alert.not-sent", { id: alert.id, port: port.name, reason: String(error) }),
        );
    }
  }

  return {
    raise(alert) {
      const work = async (): Promise<void> => {
        if (pending === 1 && store.isFresh(alert)) return;
        if (!(await store.raise(alert))) return;
        const fields = { id: alert.id, title: alert.title, detail: alert.detail };
        if (alert.severity === "critical") log.error("alert.raised", fields);
        else log.warn("alert.raised", fields);
      };
      void note(alert.id, work, () => sendUnkept(alert));
    },
    clear(id) {
      void note(id, async () => {
        if (pending === 1 && !store.isOpen(id)) return;
        if (await store.clear(id)) log.info("alert.cleared", { id });
      });
    },
    history: (limit) => store.history(limit),
    open: () => store.open(),
    close: () => delivery.close(),
  };
}

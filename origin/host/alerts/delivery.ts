import type { Log } from "../log.ts";
import type { AlertStore, Delivery } from "./alert-store.ts";
import { type AlertMessage, type AlertPort, AlertSendError } from "./ports.ts";

export interface DeliveryLoop {
  /** Looks now for what is due. */
  wake(): void;
  /** Waits for the message under way; the rest stays queued. */
  close(): Promise<void>;
}

const firstRetryMs = 30_000;
const longestRetryMs = 3_600_000;
/** After this long, and so many attempts, a message is of no use any more: a clock set forward alone proves nothing. */
const giveUpMs = 3 * 24 * 3_600_000;
const leastAttempts = 10;
/** Timers beyond this are set anew: a sleeping phone's clock jumps. */
const longestTimerMs = 600_000;
const atOnce = 20;

/** Sends what the store has queued, one after the other, and again with growing pauses when a port fails. */
export function startDelivery(options: {
  store: AlertStore;
  ports: readonly AlertPort[];
  log: Log;
  now: () => number;
}): DeliveryLoop {
  const { store, ports, log, now } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;

  async function sendDue(): Promise<void> {
    const failing = new Set<string>();
    for (const delivery of store.due(atOnce)) {
      if (closed) return;
      const port = ports.find((candidate) => candidate.name === delivery.port);
      // The port left the settings meanwhile.
      if (!port) await store.delivered(delivery.seq);
      else if (failing.has(port.name)) await postpone(delivery);
      else if (!(await send(port, delivery))) failing.add(port.name);
    }
  }

  async function send(port: AlertPort, delivery: Delivery): Promise<boolean> {
    const { alert, news } = delivery;
    try {
      await port.send(messageOf(news, alert));
    } catch (error) {
      const reason = error instanceof AlertSendError ? error.message : error;
      log.warn("alert.not-sent", { id: alert.id, port: port.name, attempts: delivery.attempts + 1, reason });
      await postpone(delivery);
      return false;
    }
    log.info("alert.sent", { id: alert.id, port: port.name, news });
    await store.delivered(delivery.seq);
    return true;
  }

  async function postpone(delivery: Delivery): Promise<void> {
    if (now() - delivery.queuedAt > giveUpMs && delivery.attempts + 1 >= leastAttempts) {
      log.error("alert.given-up", { id: delivery.alert.id, port: delivery.port });
      await store.delivered(delivery.seq);
      return;
    }
    const pause = Math.min(firstRetryMs * 2 ** Math.min(delivery.attempts, 20), longestRetryMs);
    await store.postpone(delivery.seq, now() + pause);
  }

  function arm(): void {
    clearTimeout(timer);
    const next = closed ? undefined : store.nextDue();
    if (next === undefined) return;
    const pause = Math.min(Math.max(next - now(), 1_000), longestTimerMs);
    timer = setTimeout(wake, pause);
    timer.unref();
  }

  function wake(): void {
    if (closed) return;
    if (running) {
      again = true;
      return;
    }
    running = sendDue()
      .catch((error: unknown) => log.error("alert.delivery-failed", { error }))
      .finally(() => {
        running = undefined;
        if (again) {
          again = false;
          wake();
        } else arm();
      });
  }

  wake();
  return {
    wake,
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function messageOf(state: "raised" | "cleared", alert: Delivery["alert"]): AlertMessage {
  const { id, severity, title, detail, raisedAt, clearedAt } = alert;
  return { state, id, severity, title, detail, raisedAt, clearedAt };
}

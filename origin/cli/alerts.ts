import { openSecrets } from "../config/secrets.ts";
import type { AlertRecord } from "../host/alerts/alert.ts";
import { openAlertStore } from "../host/alerts/alert-store.ts";
import { createPorts, portNames } from "../host/alerts/ports.ts";
import { sendTest } from "../host/alerts/send-test.ts";
import { createStderrLog } from "../host/log.ts";
import type { Config } from "../config/config.ts";
import type { Database } from "../storage/database.ts";
import { answer, type Command, CommandError } from "./command.ts";
import { openConfig } from "./open-members.ts";
import { withHost } from "./open-host.ts";

const shownAtMost = 50;

const list: Command = {
  name: "alerts list",
  usage: "[--all]",
  summary: "Shows the alerts that hold; with --all the last ones that ended too.",
  options: { all: { type: "boolean" } },
  words: 0,
  async run(invocation) {
    await withHost(invocation, (database, config) => {
      const store = openStore(database, config);
      const alerts = invocation.options["all"] === true ? store.history(shownAtMost) : store.open();
      answer(
        invocation,
        { alerts: alerts.map(describe) },
        alerts.length > 0 ? alerts.flatMap(lines) : ["No alert is open."],
      );
    });
    return 0;
  },
};

const clear: Command = {
  name: "alerts clear",
  usage: "ID",
  summary: "Ends an alert. It comes back if what it tells of still holds.",
  words: 1,
  async run(invocation) {
    const [id = ""] = invocation.positionals;
    await withHost(invocation, async (database, config) => {
      if (!(await openStore(database, config).clear(id))) {
        throw new CommandError(`There is no open alert ${id}. "burrow alerts list" shows which there are.`);
      }
      answer(invocation, { id, cleared: true }, [`The alert ${id} is cleared.`]);
    });
    return 0;
  },
};

const test: Command = {
  name: "alerts test",
  usage: "",
  summary: "Sends a test message on every way that the settings name.",
  words: 0,
  async run(invocation) {
    const config = openConfig(invocation);
    const log = createStderrLog(config.log.level);
    // Loaded here: every other command would otherwise wait for it.
    const { createOutbound } = await import("../host/outbound/outbound.ts");
    const outbound = createOutbound({ config, log, now: Date.now });
    const ports = createPorts({
      config,
      secrets: openSecrets(config, log),
      outbound,
      now: Date.now,
    });
    if (ports.length === 0) {
      throw new CommandError(
        'No way to send alerts is set. Run "burrow config set alerts.ntfy_url --stdin" or "… alerts.webhook_url --stdin".',
      );
    }
    const results = await sendTest(ports, Date.now());
    await outbound.close();
    answer(
      invocation,
      { results },
      results.map(({ port, error }) => `${port}: ${error ?? "sent; see whether it arrived"}`),
    );
    return results.every(({ error }) => error === null) ? 0 : 1;
  },
};

export const alertCommands: readonly Command[] = [list, clear, test];

/** A running daemon sends what this queues. */
function openStore(database: Database, config: Config) {
  return openAlertStore({
    database,
    ports: portNames(config.alerts),
    now: Date.now,
    redact: (text) => text,
  });
}

function describe(alert: AlertRecord) {
  return {
    id: alert.id,
    severity: alert.severity,
    title: alert.title,
    detail: alert.detail,
    raised_at: new Date(alert.raisedAt).toISOString(),
    cleared_at: alert.clearedAt === null ? null : new Date(alert.clearedAt).toISOString(),
  };
}

function lines(alert: AlertRecord): string[] {
  const since = minute(alert.raisedAt);
  const until = alert.clearedAt === null ? "still open" : `until ${minute(alert.clearedAt)}`;
  return [
    `${alert.severity.padEnd(8)}  ${alert.id}  since ${since}, ${until}`,
    `          ${alert.title}. ${alert.detail}`,
  ];
}

function minute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

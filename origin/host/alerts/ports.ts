import { createHmac } from "node:crypto";
import type { AlertsConfig, Config } from "../../config/config.ts";
import type { Secrets } from "../../config/secrets.ts";

/** What a port tells. */
export interface AlertMessage {
  readonly state: "raised" | "cleared" | "test";
  readonly id: string;
  readonly severity: "warning" | "critical";
  readonly title: string;
  readonly detail: string;
  /** Unix milliseconds: since when. */
  readonly raisedAt: number;
  /** Unix milliseconds, null while it holds. */
  readonly clearedAt: number | null;
}

/** One way to the owner. */
export interface AlertPort {
  readonly name: "ntfy" | "webhook";
  /** Resolves once the other side took it. Throws AlertSendError. */
  send(message: AlertMessage): Promise<void>;
}

/** A message did not get through; the text has neither the address nor a secret. */
export class AlertSendError extends Error {
  override name = "AlertSendError";
}

/** The part of the outbound table that alerts use. */
export interface AlertOutbound {
  fetch(
    purpose: "alert",
    url: string,
    init: {
      method: "POST";
      headers: Record<string, string>;
      body: string;
      timeoutMs: number;
      maxBytes: number;
    },
  ): Promise<{ readonly status: number; readonly body: { cancel(): Promise<void> } | null }>;
}

const timeoutMs = 15_000;
/** Nobody reads the answer. */
const maxBytes = 64_000;

/** The names of the ports that the settings name. */
export function portNames(config: AlertsConfig): AlertPort["name"][] {
  return [
    ...(config.ntfyUrl === "" ? [] : (["ntfy"] as const)),
    ...(config.webhookUrl === "" ? [] : (["webhook"] as const)),
  ];
}

/** The ports that the settings name. */
export function createPorts(options: {
  config: Pick<Config, "alerts" | "serverName">;
  secrets: Pick<Secrets, "readOptional">;
  outbound: AlertOutbound;
  now: () => number;
}): AlertPort[] {
  const { outbound, now } = options;
  const { alerts: config, serverName } = options.config;

  async function post(url: string, headers: Record<string, string>, body: string): Promise<void> {
    let status: number;
    try {
      const answer = await outbound.fetch("alert", url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
        timeoutMs,
        maxBytes,
      });
      status = answer.status;
      await answer.body?.cancel();
    } catch (error) {
      // The reason only: what libraries put into messages may name the address, which is a secret.
      const { code, name } = error as NodeJS.ErrnoException;
      throw new AlertSendError(`not sent: ${code ?? name}`, { cause: error });
    }
    if (status < 200 || status > 299) throw new AlertSendError(`refused with status ${status}`);
  }

  const ports: AlertPort[] = [];
  if (config.ntfyUrl !== "") {
    const { root, topic } = splitTopic(config.ntfyUrl);
    const token = options.secrets.readOptional("alert-token");
    const authorization = token && { authorization: `Bearer ${token}` };
    ports.push({
      name: "ntfy",
      // JSON to the root (docs.ntfy.sh/publish, "Publish as JSON"): a header would not carry every letter.
      send: (message) =>
        post(root, { ...authorization }, JSON.stringify({ topic, ...ntfyForm(message, serverName) })),
    });
  }
  if (config.webhookUrl !== "") {
    const key = options.secrets.readOptional("alert-webhook-key");
    ports.push({
      name: "webhook",
      send(message) {
        const body = JSON.stringify({ server: serverName, ...webhookForm(message) });
        const signature = key && signWebhook(key, body, now());
        return post(config.webhookUrl, signature ? { "burrow-signature": signature } : {}, body);
      },
    });
  }
  return ports;
}

/**
 * `t=<Unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`: the time is signed too, so that a receiver can
 * refuse what is old.
 */
export function signWebhook(key: string, body: string, time: number): string {
  const seconds = Math.floor(time / 1000);
  return `t=${seconds},v1=${createHmac("sha256", key).update(`${seconds}.${body}`).digest("hex")}`;
}

function splitTopic(url: string): { root: string; topic: string } {
  const { origin, pathname } = new URL(url);
  const mark = pathname.replace(/\/$/, "").lastIndexOf("/");
  return {
    root: `${origin}${pathname.slice(0, mark + 1)}`,
    topic: decodeURIComponent(pathname.slice(mark + 1).replace(/\/$/, "")),
  };
}

function ntfyForm({ state, severity, title, detail }: AlertMessage, serverName: string) {
  const form = {
    raised: {
      prefix: "",
      priority: severity === "critical" ? 5 : 3,
      tag: severity === "critical" ? "rotating_light" : "warning",
    },
    cleared: { prefix: "Well again: ", priority: 2, tag: "white_check_mark" },
    test: { prefix: "", priority: 3, tag: "test_tube" },
  }[state];
  return {
    title: `${form.prefix}${title} (${serverName})`,
    message: detail,
    priority: form.priority,
    tags: [form.tag],
  };
}

function webhookForm({ raisedAt, clearedAt, ...rest }: AlertMessage) {
  return {
    ...rest,
    raised_at: new Date(raisedAt).toISOString(),
    cleared_at: clearedAt === null ? null : new Date(clearedAt).toISOString(),
  };
}

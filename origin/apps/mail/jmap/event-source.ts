import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import { accountIdOf, stateOf } from "./account.ts";
import type { JmapUser } from "./method.ts";

const mostOfOneMember = 16;
/** Seconds between signs of life: the edge and phones drop what is silent. */
const usualPing = 60;

/** What an account has changed, told as it happens (RFC 8620 §7.3). */
export function serveEvents(mail: MailContext, c: Context<HttpEnv>, user: JmapUser): Response {
  const types = c.req.query("types") ?? "*";
  const wanted = types === "*" ? undefined : new Set(types.split(","));
  const closeAfterState = c.req.query("closeafter") === "state";
  const asked = Number(c.req.query("ping") ?? usualPing);
  const ping = Number.isFinite(asked) && asked > 0 ? Math.min(Math.max(asked, 30), 300) : usualPing;
  if (!mail.streams.open(user.account, mostOfOneMember)) {
    return new Response("Too many event streams are open.", {
      status: 429,
      headers: { "retry-after": "30" },
    });
  }
  c.header("cache-control", "no-store");
  return streamSSE(c, async (stream) => {
    const waiting = new Set<ObjectType>();
    let wake = (): void => {};
    let isOpen = true;
    const end = (): void => {
      isOpen = false;
      wake();
    };
    const forget = mail.changes.onChange((change) => {
      if (change.account !== user.account) return;
      for (const type of change.types) if (!wanted || wanted.has(type)) waiting.add(type);
      if (waiting.size > 0) wake();
    });
    const forgetEnd = mail.streams.onEnd(user.account, end);
    stream.onAbort(end);
    try {
      for (;;) {
        if (!isOpen) return;
        if (waiting.size > 0) {
          const changed = Object.fromEntries(
            [...waiting].map((type) => [type, stateOf(mail, user.account, type)]),
          );
          waiting.clear();
          const data = { "@type": "StateChange", changed: { [accountIdOf(user.account)]: changed } };
          await stream.writeSSE({ event: "state", data: JSON.stringify(data) });
          if (closeAfterState) return;
        }
        if (waiting.size > 0 || !isOpen) continue;
        const isWoken = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), ping * 1000);
          wake = () => {
            clearTimeout(timer);
            resolve(true);
          };
        });
        if (!isWoken) await stream.writeSSE({ event: "ping", data: JSON.stringify({ interval: ping }) });
      }
    } finally {
      forget();
      forgetEnd();
      mail.streams.close(user.account);
    }
  });
}

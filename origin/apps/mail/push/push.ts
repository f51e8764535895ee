import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import type { SubscriptionRow } from "../sending/push-subscription-store.ts";
import { composePush } from "./push-message.ts";

/** Tells mail programs that something has changed, where they have asked for it (RFC 8620 §7.2). */
export interface Push {
  /** Whether the account may make another subscription now: for each a request goes to where its member says. */
  mayVerify(account: number): boolean;
  /** Sends the code that the program has to say back; nothing else goes to it before. */
  verify(subscription: SubscriptionRow): void;
  close(): Promise<void>;
}

export type PushContext = Pick<MailContext, "changes" | "subscriptions" | "outbound" | "log" | "now">;

export interface PushNames {
  subscriptionId(id: number): string;
  accountId(account: number): string;
  state(account: number, type: ObjectType): string;
  /** False while the member may do nothing, or is gone: a stolen program hears nothing more either. */
  mayFollow(account: number): boolean;
}

/** Changes that come in quick succession are one push: a device is woken for each. */
const gatheringMs = 1_000;
/** After a failure, the next and so on; then every hour until the subscription expires. */
const waitsMs = [10_000, 60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000];
/** Of a code, which nobody may be waiting for. */
const mostVerifyTries = 4;

/** Codes that one account has sent in an hour (RFC 8620 §8.7). */
const mostVerifiedAnHour = 30;
const hourMs = 60 * 60_000;

interface Waiting {
  readonly types: Set<ObjectType>;
  timer: NodeJS.Timeout | undefined;
  failures: number;
  underWay: boolean;
}

export function startPush(mail: PushContext, names: PushNames, gatherMs = gatheringMs): Push {
  const { changes, subscriptions, outbound, log } = mail;
  const waiting = new Map<number, Waiting>();
  const stop = new AbortController();
  const running = new Set<Promise<void>>();

  const forget = changes.onChange(({ account, types }) => {
    for (const subscription of subscriptions.list(account)) {
      if (subscription.verified !== 1) continue;
      const wanted = wantedOf(subscription, types);
      if (wanted.length > 0) add(subscription, wanted);
    }
  });

  function add({ id, account }: SubscriptionRow, types: readonly ObjectType[]): void {
    const entry = waiting.get(id) ?? { types: new Set(), timer: undefined, failures: 0, underWay: false };
    waiting.set(id, entry);
    for (const type of types) entry.types.add(type);
    if (entry.timer === undefined && !entry.underWay) schedule(account, id, entry, gatherMs);
  }

  function schedule(account: number, id: number, entry: Waiting, inMs: number): void {
    if (stop.signal.aborted) return;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      run(tell(account, id, entry));
    }, inMs).unref();
  }

  function run(work: Promise<void>): void {
    const noted = work
      .catch((error: unknown) => log.error("mail.push-failed", { error }))
      .finally(() => running.delete(noted));
    running.add(noted);
  }

  async function tell(account: number, id: number, entry: Waiting): Promise<void> {
    // Read anew: it may be gone by now, or want something else.
    const subscription = subscriptions.list(account).find((one) => one.id === id);
    if (!subscription || !names.mayFollow(account)) return void waiting.delete(id);
    const types = [...entry.types];
    entry.types.clear();
    entry.underWay = true;
    const changed = Object.fromEntries(types.map((type) => [type, names.state(account, type)]));
    const outcome = await post(subscription, {
      "@type": "StateChange",
      changed: { [names.accountId(account)]: changed },
    });
    entry.underWay = false;
    if (outcome === "gone") {
      waiting.delete(id);
      return await subscriptions.remove(id);
    }
    if (outcome === "taken") entry.failures = 0;
    else {
      for (const type of types) entry.types.add(type);
      entry.failures += 1;
    }
    if (entry.types.size === 0) waiting.delete(id);
    else schedule(account, id, entry, outcome === "taken" ? gatherMs : waitAfter(entry.failures));
  }

  async function verify(subscription: SubscriptionRow, failures: number): Promise<void> {
    const { id, account, code } = subscription;
    const isThere = subscriptions.list(account).some((one) => one.id === id && one.verified === 0);
    if (!isThere) return;
    const outcome = await post(subscription, {
      "@type": "PushVerification",
      pushSubscriptionId: names.subscriptionId(id),
      verificationCode: code,
    });
    if (outcome === "gone") return await subscriptions.remove(id);
    if (outcome === "taken" || failures + 1 >= mostVerifyTries || stop.signal.aborted) return;
    setTimeout(() => run(verify(subscription, failures + 1)), waitAfter(failures + 1)).unref();
  }

  /** `gone`: the push service knows it no more (RFC 8030 §7.3). */
  async function post(subscription: SubscriptionRow, content: object): Promise<"taken" | "gone" | "failed"> {
    try {
      const { headers, body } = await composePush(subscription, content);
      const { signal } = stop;
      const answer = await outbound.fetch("push", subscription.url, {
        method: "POST",
        headers,
        body,
        signal,
      });
      await answer.body?.cancel();
      if (answer.ok) return "taken";
      return answer.status === 404 || answer.status === 410 ? "gone" : "failed";
    } catch {
      // The table has logged why.
      return "failed";
    }
  }

  const sent = new Map<number, number[]>();
  const sentLately = (account: number): number[] =>
    (sent.get(account) ?? []).filter((time) => mail.now() - time < hourMs);

  return {
    mayVerify: (account) => sentLately(account).length < mostVerifiedAnHour,
    verify(subscription) {
      sent.set(subscription.account, [...sentLately(subscription.account), mail.now()]);
      run(verify(subscription, 0));
    },
    async close() {
      forget();
      stop.abort();
      for (const { timer } of waiting.values()) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

const waitAfter = (failures: number): number => waitsMs[Math.min(failures, waitsMs.length) - 1] ?? 0;

function wantedOf({ types }: SubscriptionRow, changed: ReadonlySet<ObjectType>): ObjectType[] {
  const wanted = types === null ? undefined : new Set(JSON.parse(types) as string[]);
  return [...changed].filter((type) => !wanted || wanted.has(type));
}

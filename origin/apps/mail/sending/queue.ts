import { setTimeout as pause } from "node:timers/promises";
import type { Delivery } from "../arriving/arrival.ts";
import { UnreadableMessageError } from "../message/message.ts";
import type { MailContext } from "../mail-context.ts";
import type { SigningKey } from "../../../config/dkim-key.ts";
import { fileReport } from "./file-report.ts";
import { openMessage, prepareMessage } from "./prepare-message.ts";
import { type Addressee, CanceledError, type Consignment, type Outcome } from "./queue-store.ts";
import { type Relay, RelayError, type RelayFault } from "./relay.ts";
import { isGivenUp, isLate, waitAfter } from "./retry-schedule.ts";

/** Sends what waits, the message that is due first at first, one at a time. */
export interface Queue {
  /** Looks again, at once. */
  wake(): void;
  /** Once nothing is due; what waits for its next try still does. */
  idle(): Promise<void>;
  /** Waits a moment for a message under way; what was not sent is sent after the next start. */
  close(): Promise<void>;
}

export type QueueContext = Pick<
  MailContext,
  | "log"
  | "now"
  | "alerts"
  | "members"
  | "config"
  | "database"
  | "blobs"
  | "reader"
  | "emails"
  | "mailboxes"
  | "uploads"
  | "addresses"
  | "changes"
  | "outbox"
  | "collectSoon"
>;

export interface QueueOptions {
  /** Where what members write to each other goes. */
  readonly delivery: Delivery;
  /** Undefined: there is none, and what is for others waits. */
  readonly relay: Relay | undefined;
  /** Undefined: the relay signs. Throws where the key is not there. */
  readonly readKey: () => SigningKey | undefined;
  /** For what is being signed. */
  readonly cacheDir: string;
}

/** The command line may write beside us, and the clock may be set. */
const looksAtLeastEveryMs = 60_000;
const stopGraceMs = 3_000;
const afterFaultMs = 5_000;
/** For what is no fault of a message, and waits for the owner: who is told meanwhile. */
const alertId = "mail-relay";

const noRelay = "451 4.3.0 It waits: this server has no mail relay yet.";
const suspended = "451 4.7.0 It waits: the account is suspended.";
const locked = "451 4.7.0 It waits: the account is locked.";
const closedAccount = "550 5.7.1 The account is closed.";
const nobody = "550 5.1.1 Nobody here has this address.";
const unreadable = "554 5.6.0 The message cannot be read.";
const delivered = "250 2.1.5 Delivered here.";

/** What came of a message for some of its recipients. */
type Verdict =
  | { readonly state: "sent" | "failed"; readonly reply: string }
  /** `holds`: it is not given up for that, however long it takes. */
  | { readonly state: "queued"; readonly reply: string; readonly holds: boolean };

export function startQueue(mail: QueueContext, options: QueueOptions): Queue {
  const { outbox, database, log, now } = mail;
  const { relay } = options;
  let closed = false;
  let running: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let recovered = false;

  async function work(): Promise<void> {
    if (!recovered) await outbox.recover();
    recovered = true;
    for (;;) {
      if (closed) return;
      const due = outbox.next(now());
      if (!due) break;
      await dispatch(due);
    }
    relay?.rest();
  }

  async function dispatch(due: Consignment): Promise<void> {
    try {
      const standing = standingOf(due.account);
      if (standing !== undefined) return await settleAll(due, standing);
      const consignment = await prepare(due);
      const [here, away] = sortAddressees(consignment);
      for (const addressee of here) await deliverHere(consignment, addressee);
      if (away.length > 0) await sendAway({ ...consignment, addressees: away });
    } catch (error) {
      if (error instanceof CanceledError) return;
      log.error("mail.send-failed", { kind: due.kind, id: due.id, error });
      await settleAll(due, {
        state: "queued",
        reply: "451 4.3.0 It waits: this server could not send it.",
        holds: false,
      });
    }
  }

  /** What whoever is not in good standing wrote before does not go out. */
  function standingOf(account: number | null): Verdict | undefined {
    if (account === null) return undefined;
    const member = mail.members.get(account);
    if (!member || member.state === "deactivated") return { state: "failed", reply: closedAccount };
    if (member.state === "suspended") return hold(suspended);
    return member.lockedAt === null ? undefined : hold(locked);
  }

  async function prepare(due: Consignment): Promise<Consignment> {
    const { cacheDir } = options;
    const { domain } = mail.config;
    return await prepareMessage(mail, outbox, due, { key: options.readKey(), domain, cacheDir });
  }

  function sortAddressees({ addressees }: Consignment): [Addressee[], Addressee[]] {
    const isHere = ({ address }: Addressee): boolean => mail.addresses.resolve(address).kind !== "unknown";
    return [addressees.filter(isHere), addressees.filter((one) => !isHere(one))];
  }

  /** Into the mailbox of a member, in the commit that notes that it is there. */
  async function deliverHere(consignment: Consignment, addressee: Addressee): Promise<void> {
    const { id, hash, size, mailFrom } = consignment;
    const arrival = {
      id,
      hash,
      size,
      mailFrom,
      recipient: addressee.address,
      receivedAt: now(),
      results: "",
      isFromHere: true,
    } as const;
    try {
      await options.delivery.deliver(arrival, (transaction) => {
        outbox.begin(transaction, consignment, [addressee]);
        outbox.settle(transaction, consignment, [{ addressee, state: "sent", reply: delivered }]);
      });
    } catch (error) {
      if (error instanceof CanceledError) return;
      const one = { ...consignment, addressees: [addressee] };
      if (error instanceof UnreadableMessageError)
        return await settleAll(one, { state: "failed", reply: unreadable });
      log.warn("mail.not-delivered-here", { kind: consignment.kind, id, error });
      await settleAll(one, {
        state: "queued",
        reply: "451 4.2.0 It waits: it could not be put into the mailbox.",
        holds: false,
      });
    }
  }

  async function sendAway(consignment: Consignment): Promise<void> {
    if (!relay) {
      const own = consignment.addressees.filter(({ address }) => isOwn(address));
      const others = consignment.addressees.filter(({ address }) => !isOwn(address));
      await settleAll({ ...consignment, addressees: own }, { state: "failed", reply: nobody });
      return await settleAll({ ...consignment, addressees: others }, hold(noRelay));
    }
    const { hash, size, mailFrom, eightBit, addressees } = consignment;
    try {
      const receipt = await relay.send({
        mailFrom,
        size,
        recipients: addressees.map(({ address }) => address),
        eightBit: eightBit === 1,
        content: () => contentOf(hash),
        beforeEnd: async () => {
          await database.write((transaction) => outbox.begin(transaction, consignment, addressees));
        },
      });
      mail.alerts.clear(alertId);
      const replies = new Map(receipt.refused.map(({ address, reply }) => [address, reply]));
      await settleEach(consignment, ({ address }) => verdictOf(replies.get(address) ?? receipt.reply));
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      if (error.fault === "message") return await settleAll(consignment, verdictOf(error.reply));
      log.warn("mail.relay-failed", { fault: error.fault, reply: error.reply });
      await putOff(consignment, error.fault, error.reply);
    }
  }

  /** An address of this domain that is nobody's here; with a relay, Email Routing may know it. */
  const isOwn = (address: string): boolean =>
    address.slice(address.lastIndexOf("@") + 1).toLowerCase() === mail.config.domain;

  async function* contentOf(hash: string): AsyncGenerator<Uint8Array> {
    const { head, rest, close } = await openMessage(mail, hash);
    try {
      yield head;
      yield* rest;
    } finally {
      close();
    }
  }

  /** What holds for this message holds for all: each waits as long as its own tries say. */
  async function putOff(
    first: Consignment,
    fault: Exclude<RelayFault, "message">,
    reply: string,
  ): Promise<void> {
    const verdict: Verdict = { state: "queued", reply, holds: fault !== "unreachable" };
    if (verdict.holds) {
      mail.alerts.raise({
        id: alertId,
        severity: "critical",
        title: "Mail does not leave",
        detail: `${reply} What members send waits, and nothing is lost. "burrow doctor" says what to look at; then "burrow mail queue retry --all".`,
      });
    }
    const until = now();
    for (let next: Consignment | undefined = first; next && !closed; next = outbox.next(until)) {
      const [here, away] = sortAddressees(next);
      for (const addressee of here) await deliverHere(await prepare(next), addressee);
      await settleAll({ ...next, addressees: away }, verdict);
      if (isLate(next.sendAt, until) && !verdict.holds) {
        mail.alerts.raise({
          id: alertId,
          severity: "warning",
          title: "Mail does not leave",
          detail: `${reply} The oldest message waits for more than four hours. "burrow doctor" says what to look at.`,
        });
      }
    }
  }

  async function settleAll(consignment: Consignment, verdict: Verdict): Promise<void> {
    await settleEach(consignment, () => verdict);
  }

  /**
   * Notes what came of a try. That the relay has the message comes first, by itself: in the moment before, and in no
   * other, a crash makes it be sent twice.
   */
  async function settleEach(
    consignment: Consignment,
    verdictFor: (addressee: Addressee) => Verdict,
  ): Promise<void> {
    const { sendAt, addressees } = consignment;
    const outcomes = addressees.map((addressee): Outcome => {
      const verdict = verdictFor(addressee);
      if (verdict.state !== "queued") return { addressee, ...verdict };
      const { reply, holds } = verdict;
      if (!holds && isGivenUp(sendAt, now())) return { addressee, state: "failed", reply };
      return { addressee, state: "queued", reply, dueAt: now() + waitAfter(addressee.attempts + 1) };
    });
    const failed = outcomes.filter(({ state }) => state === "failed");
    const settled = outcomes.filter(({ state }) => state !== "failed");
    if (settled.length > 0)
      await untilNoted(consignment, () =>
        database.write((transaction) => outbox.settle(transaction, consignment, settled)),
      );
    if (failed.length > 0)
      await untilNoted(consignment, () => fileReport(mail, consignment, "failed", failed));
    const waiting = settled.filter(({ state }) => state === "queued");
    if (waiting.length > 0 && isLate(sendAt, now()) && consignment.delayTold === 0)
      await fileReport(mail, consignment, "delayed", waiting);
    if (waiting.length < outcomes.length) mail.collectSoon();
  }

  /** Until it is on disk: the relay was told already, and would be told again. */
  async function untilNoted({ kind, id }: Consignment, note: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await note();
      } catch (error) {
        log.error("mail.not-noted", { kind, id, error });
        if (closed) return;
        await pause(afterFaultMs, undefined, { ref: false });
      }
    }
  }

  function start(): void {
    if (closed) return;
    if (running) {
      again = true;
      return;
    }
    clearTimeout(timer);
    again = false;
    let waitMs = 0;
    running = work()
      .catch((error: unknown) => {
        log.error("mail.queue-interrupted", { error });
        waitMs = afterFaultMs;
      })
      .finally(() => {
        running = undefined;
        if (closed) return;
        if (again && waitMs === 0) return start();
        const dueIn = (outbox.nextDueAt() ?? Number.POSITIVE_INFINITY) - now();
        timer = setTimeout(start, Math.min(Math.max(dueIn, waitMs), looksAtLeastEveryMs)).unref();
      });
  }

  const forget = mail.changes.onChange(({ types }) => {
    if (types.has("EmailSubmission")) start();
  });
  outbox.onQueued(start);
  start();
  return {
    wake: start,
    async idle() {
      while (running) await running;
    },
    async close() {
      closed = true;
      forget();
      clearTimeout(timer);
      await Promise.race([running, pause(stopGraceMs, undefined, { ref: false })]);
      relay?.close();
      await running;
    },
  };
}

const hold = (reply: string): Verdict => ({ state: "queued", reply, holds: true });

/** RFC 5321 §4.2.1: the first digit says it. */
function verdictOf(reply: string): Verdict {
  if (reply.startsWith("2")) return { state: "sent", reply };
  if (reply.startsWith("5")) return { state: "failed", reply };
  return { state: "queued", reply, holds: false };
}

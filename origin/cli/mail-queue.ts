import { answer, type Command, UsageError } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

interface Waiting {
  readonly id: string;
  /** Null: it was sent by itself. */
  readonly member: string | null;
  readonly from: string;
  readonly to: string;
  readonly state: "queued" | "sending";
  readonly attempts: number;
  readonly since: string;
  readonly next_try: string;
  /** What the relay said last. */
  readonly reply: string;
}

interface QueueReport {
  readonly relay: string | null;
  readonly waiting: number;
  readonly oldest: string | null;
  readonly messages: readonly Waiting[];
}

const path = "/mail/queue";

const list: Command = {
  name: "mail queue list",
  usage: "",
  summary: "Shows what waits to be sent, and what the relay said of it.",
  words: 0,
  async run(invocation) {
    const report = await withOwnersApi(invocation, (api) => api.ask<QueueReport>("GET", path));
    const { relay, messages } = report;
    const how = relay === null ? "There is no relay: what is for others waits." : `Mail leaves by ${relay}.`;
    answer(invocation, report, [how, ...(messages.length === 0 ? ["Nothing waits."] : messages.map(line))]);
    return 0;
  },
};

const retry: Command = {
  name: "mail queue retry",
  usage: "ID | --all",
  summary: "Has what waits tried now.",
  options: { all: { type: "boolean" } },
  words: [0, 1],
  async run(invocation) {
    const [id] = invocation.positionals;
    const isAll = invocation.options["all"] === true;
    if ((id === undefined) !== isAll) throw new UsageError("Name what is to be tried, or write --all.");
    const target = id === undefined ? `${path}/retry` : `${path}/${encodeURIComponent(id)}/retry`;
    const told = await withOwnersApi(invocation, (api) => api.ask<{ retried: number }>("POST", target, {}));
    answer(invocation, told, [told.retried === 0 ? "Nothing waits." : "It is tried now."]);
    return 0;
  },
};

const cancel: Command = {
  name: "mail queue cancel",
  usage: "ID",
  summary: "Takes back what waits to be sent.",
  words: 1,
  async run(invocation) {
    const [id = ""] = invocation.positionals;
    const target = `${path}/${encodeURIComponent(id)}/cancel`;
    const told = await withOwnersApi(invocation, (api) => api.ask<object>("POST", target, {}));
    answer(invocation, told, [`${id} is taken back: nothing of it was sent.`]);
    return 0;
  },
};

export const mailQueueCommands: readonly Command[] = [list, retry, cancel];

function line({ id, member, to, attempts, next_try, reply }: Waiting): string {
  const who = `${id}  ${member ?? "(by itself)"} → ${clean(to)}`;
  const tries = attempts === 0 ? "not tried yet" : `${attempts} ${attempts === 1 ? "try" : "tries"}`;
  const next = `next ${next_try.slice(0, 16).replace("T", " ")} UTC`;
  return [who, tries, next, ...(reply === "" ? [] : [`"${clean(reply)}"`])].join(", ");
}

/** Strangers choose what stands there: without what a terminal obeys. */
const clean = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

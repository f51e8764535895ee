import { answer, type Command, type Invocation, UsageError } from "./command.ts";
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

/** One command, since those have two words at the most: the third one is the act. */
export const mailQueue: Command = {
  name: "mail queue",
  usage: "[list] | retry ID | retry --all | cancel ID",
  summary: "Shows what waits to be sent; has it tried now; takes it back.",
  options: { all: { type: "boolean" } },
  words: [0, 2],
  async run(invocation) {
    const [act = "list", id] = invocation.positionals;
    const isAll = invocation.options["all"] === true;
    if (act === "list" && id === undefined && !isAll) await list(invocation);
    else if (act === "retry" && (id === undefined) === isAll) await retry(invocation, id);
    else if (act === "cancel" && id !== undefined && !isAll) await cancel(invocation, id);
    else throw new UsageError(`Write: burrow mail queue ${mailQueue.usage}`);
    return 0;
  },
};

async function list(invocation: Invocation): Promise<void> {
  const report = await withOwnersApi(invocation, (api) => api.ask<QueueReport>("GET", path), "mail");
  const { relay, messages } = report;
  const how = relay === null ? "There is no relay: what is for others waits." : `Mail leaves by ${relay}.`;
  answer(invocation, report, [how, ...(messages.length === 0 ? ["Nothing waits."] : messages.map(line))]);
}

function line({ id, member, to, attempts, next_try, reply }: Waiting): string {
  const who = `${id}  ${member ?? "(by itself)"} → ${clean(to)}`;
  const tries = attempts === 0 ? "not tried yet" : `${attempts} ${attempts === 1 ? "try" : "tries"}`;
  const next = `next ${next_try.slice(0, 16).replace("T", " ")} UTC`;
  return [who, tries, next, ...(reply === "" ? [] : [`"${clean(reply)}"`])].join(", ");
}

/** Strangers choose what stands there: without what a terminal obeys. */
const clean = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

async function retry(invocation: Invocation, id: string | undefined): Promise<void> {
  const target = id === undefined ? `${path}/retry` : `${path}/${encodeURIComponent(id)}/retry`;
  const told = await withOwnersApi(
    invocation,
    (api) => api.ask<{ retried: number }>("POST", target, {}),
    "mail",
  );
  answer(invocation, told, [told.retried === 0 ? "Nothing waits." : "It is tried now."]);
}

async function cancel(invocation: Invocation, id: string): Promise<void> {
  const target = `${path}/${encodeURIComponent(id)}/cancel`;
  const told = await withOwnersApi(invocation, (api) => api.ask<object>("POST", target, {}), "mail");
  answer(invocation, told, [`${id} is taken back: nothing of it was sent.`]);
}

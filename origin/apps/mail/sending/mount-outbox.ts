import type { Context, Hono } from "hono";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { MailContext } from "../mail-context.ts";
import type { Queue } from "./queue.ts";
import type { QueuedRow } from "./queue-store.ts";

const base = "/_burrow/admin/v1/mail/queue";
const most = 500;

/** The owner's operations on what waits to be sent: what `burrow mail queue` asks. Behind the owners' door. */
export function mountOutbox(routes: Hono<HttpEnv>, mail: MailContext, queue: Queue): void {
  const { outbox, submissions, database, now } = mail;

  routes.get(base, (c) => {
    const { waiting, oldest } = outbox.count();
    return c.json({
      relay: mail.config.relay?.host ?? null,
      waiting,
      oldest: oldest === null ? null : new Date(oldest).toISOString(),
      messages: outbox.list(most).map((row) => describe(mail, row)),
    });
  });
  routes.post(`${base}/retry`, async (c) => {
    const rows = outbox.list(most);
    const due = rows.filter(({ state, sendAt }) => state === "queued" && sendAt <= now());
    await database.write((transaction) => {
      for (const { kind, id } of due) outbox.retry(transaction, kind, id, now());
    });
    queue.wake();
    return c.json({ retried: due.length });
  });
  routes.post(`${base}/:id/retry`, async (c) => {
    const found = parseRow(c.req.param("id"));
    const isThere =
      found !== undefined &&
      (await database.write((transaction) => outbox.retry(transaction, found.kind, found.id, now())));
    if (!isThere) return notThere(c);
    queue.wake();
    return c.json({ retried: 1 });
  });
  routes.post(`${base}/:id/cancel`, async (c) => {
    const found = parseRow(c.req.param("id"));
    if (!found) return notThere(c);
    const isCanceled = await database.write((transaction) => {
      if (found.kind === "automatic") return outbox.cancelAutomatic(transaction, found.id);
      const account = outbox.accountOf(found.id);
      const row = account === undefined ? undefined : submissions.get(account, found.id);
      return row?.undo === "pending" && submissions.cancel(transaction, row);
    });
    if (!isCanceled)
      return c.json({ error: "It does not wait any more, or some of it may have gone already." }, 409);
    mail.collectSoon();
    return c.json({ canceled: 1 });
  });
}

/** `s12` for a submission, `a3` for what is sent by itself. */
function parseRow(text: string): Pick<QueuedRow, "kind" | "id"> | undefined {
  const [, letter, digits] = /^([sa])([1-9]\d{0,14})$/.exec(text) ?? [];
  if (letter === undefined) return undefined;
  return { kind: letter === "s" ? "submission" : "automatic", id: Number(digits) };
}

function describe({ members }: MailContext, row: QueuedRow): object {
  return {
    id: `${row.kind === "submission" ? "s" : "a"}${row.id}`,
    member: row.account === null ? null : (members.get(row.account)?.name ?? null),
    from: row.mailFrom,
    to: row.address,
    state: row.state,
    attempts: row.attempts,
    since: new Date(row.sendAt).toISOString(),
    next_try: new Date(row.dueAt).toISOString(),
    reply: row.reply,
  };
}

const notThere = (c: Context<HttpEnv>): Response => c.json({ error: "Nothing with this id waits." }, 404);

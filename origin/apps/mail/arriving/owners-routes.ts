import { relative } from "node:path";
import { type Context, Hono } from "hono";
import { isOwner } from "../../../gate/is-owner.ts";
import { complaintResponse, complaints } from "../../../http/errors.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { MailContext } from "../mail-context.ts";
import type { Arriving, ArrivingState, DrainReport } from "./arriving.ts";
import type { KeptArrival } from "./arrival-store.ts";
import { backlogOf } from "./judge-arriving.ts";

const base = "/_burrow/admin/v1/mail";
const largestPage = 200;
const usualPage = 50;

/** The owner's API of mail (docs/admin-api.md): what `burrow mail` asks. */
export function ownersRoutes(
  mail: MailContext,
  arriving: Arriving,
  { dataDir }: { dataDir: string },
): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  const { arrivals } = arriving;
  const countEmails = mail.database.prepare<{ n: number }>("SELECT count(*) AS n FROM emails");

  const drains = keepDrains(arriving);

  routes.use(`${base}/*`, async (c, next) => {
    const request = { context: c.env.context, request: c.req.raw };
    const scopes =
      c.req.method === "GET" ? (["admin:read", "admin:write"] as const) : (["admin:write"] as const);
    if (!(await isOwner(mail, request, { scopes, tickets: true }))) return refuse(c);
    c.header("cache-control", "no-store");
    return await next();
  });

  routes.get(`${base}/status`, (c) => {
    const state = arriving.state();
    return c.json({
      messages: countEmails.get()?.n ?? 0,
      pending: backlogOf(state, arrivals).messages,
      quarantined: arrivals.counts().quarantined,
      last_drain: isoTime(state.last?.endedAt),
      ...describe(state),
    });
  });

  routes.post(`${base}/drain`, (c) => {
    if (!arriving.state().isOn)
      return problem(c, 400, "There is no bucket to fetch from: set mail.bucket_url (docs/mail.md).");
    return c.json({ id: drains.begin() });
  });

  routes.get(`${base}/drain/:id`, (c) => {
    const found = drains.get(Number(c.req.param("id")));
    return found ? c.json(found) : problem(c, 404, "There is no such drain.");
  });

  routes.get(`${base}/quarantine`, (c) => {
    const before = Number(c.req.query("from") ?? Number.MAX_SAFE_INTEGER);
    const limit = Number(c.req.query("limit") ?? usualPage);
    if (!Number.isSafeInteger(before) || !(limit >= 1 && limit <= largestPage))
      return problem(c, 400, "limit must be a number from 1 to 200, and from an id.");
    const found = arrivals.quarantined(before, limit + 1);
    const page = found.slice(0, limit);
    return c.json({
      messages: page.map(describeArrival),
      ...(found.length > limit && { next: page.at(-1)?.id }),
    });
  });

  routes.get(`${base}/quarantine/:id`, async (c) => {
    const arrival = arrivals.inQuarantine(Number(c.req.param("id")));
    if (!arrival || !(await mail.blobs.has(arrival.hash))) return notThere(c);
    // Whoever reads the answer on this device takes the file itself, which may be large.
    const file = relative(dataDir, mail.blobs.pathOf(arrival.hash));
    return c.json({ ...describeArrival(arrival), file });
  });

  routes.post(`${base}/quarantine/:id/retry`, async (c) => {
    if (!(await arrivals.release(Number(c.req.param("id"))))) return notThere(c);
    arriving.quarantineChanged();
    return c.json({});
  });

  routes.delete(`${base}/quarantine/:id`, async (c) => {
    if (!(await arrivals.discard(Number(c.req.param("id"))))) return notThere(c);
    arriving.quarantineChanged();
    mail.collectSoon();
    return c.json({});
  });

  return routes;
}

interface AskedDrain {
  state: "running" | "done" | "failed";
  error: string | null;
  /** Of the whole; while it runs, so far. */
  report: ReturnType<typeof describeReport> | null;
}

/** The drains that were asked for, until a few more were. */
function keepDrains(arriving: Arriving) {
  const asked = new Map<number, AskedDrain>();
  let ids = 0;
  return {
    begin(): number {
      const id = (ids += 1);
      const drain: AskedDrain = { state: "running", error: null, report: null };
      asked.set(id, drain);
      asked.delete(id - 20);
      arriving.drain().then(
        (report) => Object.assign(drain, { state: "done", report: describeReport(report) }),
        (error: Error) => Object.assign(drain, { state: "failed", error: error.message }),
      );
      return id;
    },
    get(id: number): AskedDrain | undefined {
      const drain = asked.get(id);
      const { running } = arriving.state();
      return drain?.state === "running" && running ? { ...drain, report: describeReport(running) } : drain;
    },
  };
}

function describe({ isOn, running, failing }: ArrivingState) {
  return {
    fetching: isOn,
    running: running ? describeReport(running) : null,
    failing: failing ? { since: isoTime(failing.since), error: failing.error.message } : null,
  };
}

function describeReport({ oldestLeft, ...report }: Readonly<DrainReport>) {
  return { ...report, oldest_left: isoTime(oldestLeft) };
}

function describeArrival({ id, mailFrom, recipient, receivedAt, size, attempts, error }: KeptArrival) {
  return {
    id,
    from: mailFrom,
    to: recipient,
    received_at: isoTime(receivedAt),
    bytes: size,
    attempts,
    error,
  };
}

const isoTime = (time: number | null | undefined): string | null =>
  time === null || time === undefined ? null : new Date(time).toISOString();

const problem = (c: Context<HttpEnv>, status: 400 | 404, error: string) =>
  c.json({ errcode: status === 404 ? "M_NOT_FOUND" : "M_INVALID_PARAM", error }, status);

const notThere = (c: Context<HttpEnv>) =>
  problem(c, 404, 'There is no such message in quarantine. "burrow mail quarantine list" shows them.');

function refuse(c: Context<HttpEnv>): Response {
  return complaintResponse(complaints.unauthenticated, c.req.path, "application/json");
}

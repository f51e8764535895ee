import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import { proxiedHost } from "../../config/hosts.ts";
import type { ProxiedApp } from "../../config/proxied-app.ts";
import { carry } from "../../gate/proxy/carry.ts";
import { openUpstream } from "../../gate/proxy/upstream.ts";
import { type UpstreamFault, upstreamComplaints } from "../../gate/proxy/upstream-fault.ts";
import { isAndroid } from "../../host/supervisor/watch-processes.ts";
import { writeComplaint } from "../../http/errors.ts";
import { fieldsOf } from "../../http/incoming-fields.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";
import { readAppSecret } from "./app-secret.ts";
import { checkApp } from "./check-app.ts";
import { admit, mayStay } from "./entrance.ts";
import { introduce } from "./introduction.ts";
import { createVisits } from "./visits.ts";

/** Requests and connections of one app at a time: a quarter of what the listener takes. */
const mostVisits = 128;
/** What runs out by itself (a session's time) tells nobody: those that are under way are asked about so often. */
const reviewEveryMs = 30_000;
/** An app that is away fails every request: the log hears of it once in so long. */
const quietMs = 60_000;

/** Methods that lead nowhere good behind a gate (RFC 9110 §9.3.8: TRACE would show what was injected). */
const refusedMethods = new Set(["TRACE", "CONNECT"]);

/** Other people's programs, each on its own host behind the gate (G9). */
export function createProxyApps(context: AppContext): App[] {
  return context.config.apps.map((app) => createProxyApp(context, app));
}

function createProxyApp(context: AppContext, app: ProxiedApp): App {
  const { gate, log, members } = context;
  const upstream = openUpstream({
    address: app.upstream,
    connections: mostVisits,
    closedOnly: isAndroid() && app.identity !== undefined && app.secret === undefined,
  });
  const visits = createVisits({
    most: mostVisits,
    mayStay: ({ context: asked, request }) => mayStay(app, gate, asked, request),
  });
  const told = openIntroduction(context, app);
  const noteFault = createFaultNotes(app, log);

  const review = (): void => {
    visits.review().catch((error: unknown) => log.error("proxy.review-failed", { app: app.name, error }));
  };
  const forget = members.onChange(review);
  const timer = setInterval(review, reviewEveryMs).unref();

  async function answer(c: Context<HttpEnv>): Promise<Response> {
    const { incoming, outgoing, context: asked } = c.env;
    const request = { method: c.req.method, url: c.req.url, headers: fieldsOf(incoming) };
    if (refusedMethods.has(request.method)) return c.body(null, 405);
    const visitor = await admit(app, gate, asked, request);
    if (visitor instanceof Response) return visitor;

    const fail = (fault: UpstreamFault): void => {
      if (outgoing.destroyed) return;
      const complaint = upstreamComplaints[fault];
      const { headers, body } = writeComplaint(complaint, c.req.path, request.headers.get("accept"));
      outgoing.writeHead(complaint.status, { ...headers, "content-length": Buffer.byteLength(body) });
      outgoing.end(body);
    };
    // The client may have left while the gate was asked.
    if (outgoing.destroyed) return RESPONSE_ALREADY_SENT;
    if (!told) fail("away");
    else if (!visits.hasRoom()) fail("busy");
    else {
      const { identity, keepsCredential } = visitor;
      const visit = { context: asked, request, isSomebody: identity !== undefined };
      visits.enter(visit, (leave) =>
        carry({
          incoming,
          outgoing,
          context: asked,
          upstream,
          frontage: { host: app.host, origin: originOf(asked.client), upstream: app.upstream },
          told: told(identity),
          keepsCredential,
          onFault(fault, error) {
            noteFault(fault, error);
            fail(fault);
          },
          onEnd: leave,
        }),
      );
    }
    return RESPONSE_ALREADY_SENT;
  }

  const routes = new Hono<HttpEnv>();
  routes.all("*", answer);

  return {
    name: proxiedHost(app),
    host: proxiedHost(app),
    routes,
    backup: { databases: [], blobs: [] },
    doctor: () => checkApp(app),
    async close() {
      clearInterval(timer);
      forget();
      visits.cutAll();
      await upstream.close();
    },
  };
}

/** Undefined where the app's secret cannot be had: without it the app gets nothing, and the rest works on. */
function openIntroduction({ config, log }: AppContext, app: ProxiedApp) {
  try {
    return introduce(app, readAppSecret(app), config.serverName);
  } catch (error) {
    log.error("proxy.no-secret", { app: app.name, error: String(error) });
    return undefined;
  }
}

function createFaultNotes(app: ProxiedApp, log: AppContext["log"]) {
  let toldAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return (fault: UpstreamFault, error: unknown): void => {
    untold += 1;
    if (performance.now() - toldAt < quietMs) return;
    log.warn("proxy.app-failed", { app: app.name, fault, failures: untold, error: String(error) });
    toldAt = performance.now();
    untold = 0;
  };
}

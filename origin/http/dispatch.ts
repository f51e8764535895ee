import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { throttled } from "../../shared/throttled.ts";
import type { App } from "../app.ts";
import type { Log } from "../host/log.ts";
import { complaintResponse, complaints, unexpectedError } from "./errors.ts";
import { createRefusedWrites } from "./refused-write.ts";
import type { HttpEnv, RequestContext } from "./request-context.ts";
import { ThrottledError } from "./throttled-error.ts";

/** Answers a verified request. */
export type Dispatch = (
  request: Request,
  env: HttpBindings & { context: RequestContext },
) => Response | Promise<Response>;

/** Routes by the signed host to that host's apps. Apps of one host share its paths, the first one first. */
export function createDispatch(options: {
  hosts: ReadonlyMap<string, string>;
  apps: readonly App[];
  /** What the gate answers itself, before the apps of every host but the sign-in host. */
  gateRoutes: Hono<HttpEnv>;
  log: Log;
}): Dispatch {
  const byHost = new Map<string, Hono<HttpEnv>>();
  for (const app of options.apps) {
    const host =
      byHost.get(app.host) ?? createHost(options.log, app.host === "id" ? undefined : options.gateRoutes);
    byHost.set(app.host, host.route("/", app.routes));
  }
  return function dispatch(request, env) {
    const app = options.hosts.get(env.context.client.host);
    const host = app === undefined ? undefined : byHost.get(app);
    if (host) return request.method === "HEAD" ? answerHead(host, request, env) : host.fetch(request, env);
    return complaintResponse(complaints.misdirected, pathOf(request), request.headers.get("accept"));
  };
}

/** Hono copies what a HEAD is answered with, and node-server no longer knows the copy for an answer that is out. */
async function answerHead(host: Hono<HttpEnv>, ...request: Parameters<Dispatch>): Promise<Response> {
  const response = await host.fetch(...request);
  return response.headers.has("x-hono-already-sent") ? RESPONSE_ALREADY_SENT : response;
}

function createHost(log: Log, first: Hono<HttpEnv> | undefined): Hono<HttpEnv> {
  const host = new Hono<HttpEnv>();
  const refusedWrite = createRefusedWrites(log);
  if (first) host.route("/", first);
  host.notFound((c) => complaintResponse(complaints.notFound, c.req.path, c.req.header("accept") ?? null));
  host.onError((error, c) => {
    // What hono itself refuses (a body that cannot be parsed, say) is the client's doing.
    if (error instanceof HTTPException && error.status < 500) {
      const complaint = { ...complaints.badRequest, status: error.status };
      return complaintResponse(complaint, c.req.path, c.req.header("accept") ?? null);
    }
    if (error instanceof ThrottledError) {
      return complaintResponse(throttled(error.retryAfterMs), c.req.path, c.req.header("accept") ?? null);
    }
    const complaint =
      refusedWrite(error) ?? unexpectedError(log, error, { method: c.req.method, path: c.req.path });
    return complaintResponse(complaint, c.req.path, c.req.header("accept") ?? null);
  });
  return host;
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}

import { type Context, Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import { isOwner } from "../../gate/is-owner.ts";
import type { Alerts } from "../../host/alerts/alerts.ts";
import type { Metrics, ServiceLine } from "../../host/metrics/metrics.ts";
import { prometheusType } from "../../host/metrics/prometheus.ts";
import type { HttpEnv } from "../../http/request-context.ts";

/**
 * The host's figures, for the owner's own Prometheus or script: `Authorization: Bearer` with an API key of the owner
 * that has the scope `metrics`, or an access token. To everybody else the two paths do not exist.
 */
export function createMetricsApp(
  context: AppContext,
  host: { metrics: Metrics; alerts: Alerts; services: () => readonly ServiceLine[] },
): App {
  const routes = new Hono<HttpEnv>();

  const isOwners = (c: Context<HttpEnv>): Promise<boolean> =>
    isOwner(context, { context: c.env.context, request: c.req.raw }, { scopes: ["metrics"] });

  routes.get("/_burrow/metrics", async (c) => {
    if (!(await isOwners(c))) return c.notFound();
    const text = host.metrics.render({ alerts: host.alerts.open(), services: host.services() });
    return c.body(text, 200, { "content-type": prometheusType, "cache-control": "no-store" });
  });
  routes.get("/_burrow/samples", async (c) => {
    if (!(await isOwners(c))) return c.notFound();
    c.header("cache-control", "no-store");
    return c.json({ samples: host.metrics.samples.list(), alerts: host.alerts.open() });
  });

  return { name: "metrics", host: "apex", routes, backup: { databases: [], blobs: [] } };
}

import { hash } from "node:crypto";
import { Hono } from "hono";
import { EDGE_ITSELF } from "../../../shared/edge-client.ts";
import {
  parseProbeReport,
  PROBE_REPORT_MAX_BYTES,
  PROBE_REPORT_PATH,
  type ProbeReceipt,
} from "../../../shared/probe-report.ts";
import type { App, Check } from "../../app.ts";
import type { Honeypot } from "../../gate/honeypot/honeypot.ts";
import { complaintResponse, complaints } from "../../http/errors.ts";
import { readBody } from "../../http/read-body.ts";
import type { HttpEnv } from "../../http/request-context.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Takes the edge's reports of probes, and tells it whom to refuse. To everybody else the path does not exist. */
export function createHoneypotApp(honeypot: Honeypot, now: () => number): App {
  const routes = new Hono<HttpEnv>();

  routes.post(PROBE_REPORT_PATH, async (c) => {
    const { context } = c.env;
    if (context.client.address !== EDGE_ITSELF) return c.notFound();
    const body = await readBody(c.req.raw, PROBE_REPORT_MAX_BYTES);
    const isSigned = body && hash("sha256", body, "base64url") === c.req.query("sha256");
    const report = isSigned ? parseProbeReport(Buffer.from(body).toString("utf8")) : undefined;
    if (report === undefined) return complaintResponse(complaints.badRequest, c.req.path, null);
    await honeypot.takeProbes(report.probes);
    return c.json(receiptFor(report.have, now() - (context.edgeTime ?? now())), 200, {
      "cache-control": "no-store",
    });
  });

  /** Times go out in the edge's clock, for this device's may be wrong. */
  function receiptFor(have: number, ahead: number): ProbeReceipt {
    const version = honeypot.blocks.version();
    if (version === have) return { version };
    const inForce = honeypot.blocks.list();
    return {
      version,
      blocks: inForce.map(({ source, until }) => [source, Math.max(0, Math.round(until - ahead))]),
    };
  }

  function doctor(): Check[] {
    const { probes, sources } = honeypot.ledger.statistics(now() - DAY_MS);
    const refused = honeypot.blocks.list().length;
    const detail = `${probes} probes of ${sources} sources within a day; ${refused} sources are refused.`;
    return [{ name: "honeypot", status: "ok", detail }];
  }

  return { name: "honeypot", host: "apex", routes, backup: { databases: [], blobs: [] }, doctor };
}

import type { Block } from "../../../gate/honeypot/blocks.ts";
import { type Honeypot, HoneypotError } from "../../../gate/honeypot/honeypot.ts";
import type { ProbeRecord } from "../../../gate/honeypot/ledger.ts";
import { optionalInteger, optionalString, queryCount, requireString } from "../client-api/read-body.ts";
import { invalidParam, notFound } from "../matrix-error.ts";
import type { Call } from "../route.ts";
import { isoTime, largestPage, type OwnersOperation, usualPage } from "./operation.ts";

const HOUR = 3_600;
const YEAR = 365 * 24 * HOUR;
const longestReason = 200;

/** What the honeypot has seen, and whom it refuses (row D1). While it is off, the paths say so. */
export function securityRoutes(honeypot: Honeypot | undefined, now: () => number): OwnersOperation[] {
  const operations: [
    method: OwnersOperation["method"],
    path: string,
    handle: (call: Call, on: Honeypot) => object | Promise<object>,
  ][] = [
    ["GET", "/security/probes", listProbes],
    ["GET", "/security/blocks", (_call, on) => ({ blocks: on.blocks.list().map(describeBlock) })],
    ["POST", "/security/blocks", refuseSource],
    ["GET", "/security/sources/:source", showSource],
    ["DELETE", "/security/blocks/:source", letInAgain],
    ["GET", "/security/statistics", statistics],
  ];

  function statistics(call: Call, on: Honeypot): object {
    const hours = queryCount(call.query, "hours", 24, YEAR / HOUR);
    const { block, jail, decoys, alerts, matrixAlerts, cloudflare } = on.settings;
    return {
      hours,
      ...on.ledger.statistics(now() - hours * HOUR * 1000),
      blocked: on.blocks.list().length,
      settings: {
        block,
        jail,
        decoys,
        alerts,
        matrix_alerts: matrixAlerts,
        cloudflare: cloudflare !== undefined,
      },
    };
  }

  return operations.map(([method, path, handle]) => ({
    method,
    path,
    async handle(call) {
      if (honeypot === undefined)
        throw notFound("The honeypot is off: burrow config set honeypot.enabled true, and restart Burrow.");
      try {
        return await handle(call, honeypot);
      } catch (error) {
        throw error instanceof HoneypotError ? invalidParam(error.message) : error;
      }
    },
  }));
}

function listProbes(call: Call, on: Honeypot): object {
  const limit = queryCount(call.query, "limit", usualPage, largestPage);
  const before = queryCount(call.query, "before", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const given = call.query.get("source") ?? "";
  const found = on.ledger.list({ before, limit, source: given === "" ? undefined : on.sourceOf(given) });
  const last = found.at(-1);
  return { probes: found.map(describeProbe), ...(last && found.length === limit && { next: last.seq }) };
}

function showSource(call: Call, on: Honeypot): object {
  const source = on.sourceOf(call.params["source"] ?? "");
  const { score, trusted, safe, block } = on.describe(source);
  const probes = on.ledger.list({ before: Number.MAX_SAFE_INTEGER, limit: usualPage, source });
  return {
    source,
    score,
    trusted,
    safe,
    block: block === undefined ? null : describeBlock(block),
    probes: probes.map(describeProbe),
  };
}

async function refuseSource(call: Call, on: Honeypot): Promise<object> {
  const body = await call.json();
  const source = on.sourceOf(requireString(body, "source"));
  const seconds = optionalInteger(body, "expires_in_seconds") ?? 24 * HOUR;
  if (seconds < 1 || seconds > YEAR) throw invalidParam("expires_in_seconds must be from 1 to a year.");
  const reason = optionalString(body, "reason") ?? "by the owner";
  if (reason.length > longestReason)
    throw invalidParam(`reason may have at most ${longestReason} characters.`);
  if (!on.settings.block && !on.settings.jail)
    throw invalidParam(
      "Nobody is refused yet: burrow config set honeypot.block true, deploy the edge again, and restart Burrow.",
    );
  return describeBlock(await on.block(source, seconds * 1000, reason));
}

async function letInAgain(call: Call, on: Honeypot): Promise<object> {
  const source = on.sourceOf(call.params["source"] ?? "");
  if (!(await on.unblock(source))) throw notFound(`${source} is not refused.`);
  return {};
}

const describeBlock = ({ source, kind, since, until, times, reason }: Block) => ({
  source,
  kind,
  since: isoTime(since),
  until: isoTime(until),
  times,
  reason,
});

const describeProbe = (probe: ProbeRecord) => ({
  id: probe.seq,
  source: probe.source,
  address: probe.address,
  country: probe.country,
  host: probe.host,
  method: probe.method,
  target: probe.target,
  rule: probe.rule,
  family: probe.family,
  outcome: probe.outcome,
  count: probe.count,
  score: Math.round(probe.score),
  first_at: isoTime(probe.firstAt),
  last_at: isoTime(probe.lastAt),
});

import { EDGE_ITSELF } from "../../shared/edge-client.ts";
import {
  parseHoneypotRules,
  parseProbeReceipt,
  PROBE_REPORT_PATH,
  PROBES_MAX,
} from "../../shared/probe-report.ts";
import type { HoneypotRules, Probe, ProbeReceipt } from "../../shared/probe-report.ts";
import { encodeBase64Url } from "../../shared/text-codec.ts";
import type { Edge } from "../edge.ts";
import type { Visit } from "../visit.ts";
import { askOrigin, discard, OriginAwayError } from "./ask-origin.ts";

/** What an isolate knows of probes. */
export interface EdgeHoneypot {
  readonly rules: HoneypotRules;
  readonly canaryKey: CryptoKey;
  /** Source in CIDR form → unix milliseconds until when it is refused: as the origin last said. */
  blocks: ReadonlyMap<string, number>;
  version: number;
  /** When the origin was last asked, and when it was last told of a probe; unix milliseconds. */
  askedAt: number;
  toldAt: number;
  /** Probes that the origin was not yet told of, by source, rule and outcome. */
  readonly untold: Map<string, Probe>;
  /** Whether a report waits for its turn. */
  waiting: boolean;
}

/** How old the isolate's blocks may be: a source that has just been blocked is still let through for so long. */
export const BLOCKS_KEPT_MS = 15_000;
/** A flood of probes costs the origin one request in so long. */
const REPORT_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 10_000;
const RECEIPT_MAX_CHARACTERS = 1_000_000;

/** Reads the variable HONEYPOT; undefined where it is off. */
export function openHoneypot(text: string | undefined, canaryKey: CryptoKey): EdgeHoneypot | undefined {
  const rules = parseHoneypotRules(text);
  if (rules === undefined) return undefined;
  return {
    rules,
    canaryKey,
    blocks: new Map(),
    version: 0,
    askedAt: 0,
    toldAt: 0,
    untold: new Map(),
    waiting: false,
  };
}

/** Asks for the blocks where they are old; the visit does not wait, for the origin refuses the same sources itself. */
export function pullBlocks(visit: Visit, honeypot: EdgeHoneypot): void {
  if (Math.abs(Date.now() - honeypot.askedAt) < BLOCKS_KEPT_MS) return;
  honeypot.askedAt = Date.now();
  visit.ctx.waitUntil(report(visit, honeypot));
}

/** Counts a probe, and tells the origin at once, or once a few seconds have passed since it was last told. */
export function noteProbe(visit: Visit, honeypot: EdgeHoneypot, probe: Probe): void {
  keep(honeypot, probe);
  if (honeypot.waiting) return;
  honeypot.waiting = true;
  const wait = Math.max(0, honeypot.toldAt + REPORT_EVERY_MS - Date.now());
  visit.ctx.waitUntil(
    (async () => {
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, REPORT_EVERY_MS)));
      honeypot.waiting = false;
      honeypot.toldAt = honeypot.askedAt = Date.now();
      await report(visit, honeypot);
    })(),
  );
}

function keep({ untold }: EdgeHoneypot, probe: Probe): void {
  const key = `${probe.address} ${probe.rule} ${probe.outcome}`;
  const known = untold.get(key);
  if (known !== undefined) {
    known.count += probe.count;
    known.lastAt = Math.max(known.lastAt, probe.lastAt);
    // What does not fit is lost: a flood is told by what there is of it.
  } else if (untold.size < PROBES_MAX) untold.set(key, { ...probe });
}

/** One signed request of the edge's own: what was seen goes there, whom to refuse comes back. */
async function report(visit: Visit, honeypot: EdgeHoneypot): Promise<void> {
  const probes = [...honeypot.untold.values()];
  honeypot.untold.clear();
  const text = JSON.stringify({ probes, have: honeypot.version });
  try {
    const receipt = (await send(visit, text)) ?? (await send(visit, text));
    if (receipt === undefined) throw new OriginAwayError("the origin took no report");
    honeypot.version = receipt.version;
    if (receipt.blocks !== undefined) honeypot.blocks = new Map(receipt.blocks);
  } catch {
    // It is told with the next one; nobody waits for it.
    for (const probe of probes) keep(honeypot, probe);
  }
}

/** Undefined for a stale signature, which has taught the clock, and for any other refusal. */
async function send({ edge, env }: Visit, text: string): Promise<ProbeReceipt | undefined> {
  const bytes = new TextEncoder().encode(text);
  // The signature covers the query, and so the body.
  const digest = encodeBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  const host = hostOfOrigin(edge);
  const reply = await askOrigin(
    {
      method: "POST",
      url: new URL(`http://${host}${PROBE_REPORT_PATH}?sha256=${digest}`),
      headers: new Headers({ "content-type": "application/json" }),
      body: new Response(bytes).body,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      visitor: { host, scheme: "https", addr: EDGE_ITSELF },
      accessJwt: undefined,
    },
    edge,
    env,
  );
  if (reply === undefined) return undefined;
  const { response, facts } = reply;
  if (facts.proof !== "accepted" || response.status !== 200) {
    await discard(response);
    return undefined;
  }
  const answer = await response.text();
  return answer.length > RECEIPT_MAX_CHARACTERS ? undefined : parseProbeReceipt(answer);
}

/** The host whose paths the origin's own are among. */
function hostOfOrigin({ hosts }: Edge): string {
  return [...hosts].find(([, app]) => app === "apex")?.[0] ?? [...hosts.keys()][0] ?? "";
}

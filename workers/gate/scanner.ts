import { CANARY_BYTES, findCanaryCandidates, formatCanary } from "../../shared/canary.ts";
import { networksOf } from "../../shared/client-networks.ts";
import { BLOCKED, PROBE_TARGET_MAX } from "../../shared/probe-report.ts";
import type { Probe } from "../../shared/probe-report.ts";
import { CANARY_RULE, findScannerRule } from "../../shared/scanner-rules.ts";
import type { ScannerRule } from "../../shared/scanner-rules.ts";
import type { Visit } from "../visit.ts";
import { discard } from "./ask-origin.ts";
import { showDecoy } from "./decoys.ts";
import type { EdgeHoneypot } from "./report-probes.ts";
import { noteProbe, pullBlocks } from "./report-probes.ts";
import { refuse } from "./refusal.ts";

/**
 * Takes a visit through the gates behind this one, and makes a signal of it where it was a probe. A blocked source gets no
 * further. Whether a rule counts shows in the end: only where the request failed, so that no file and no app of anybody's
 * is taken for a probe. Off, this is one comparison.
 */
export async function underScanner(visit: Visit, pass: () => Promise<Response>): Promise<Response> {
  const { honeypot } = visit.edge;
  if (honeypot === undefined) return await pass();
  if (honeypot.rules.block) {
    pullBlocks(visit, honeypot);
    if (isBlocked(visit, honeypot)) return refuse(visit, BLOCKED);
  }
  const { request, url } = visit;
  if (await bearsCanary(visit, honeypot)) noteProbe(visit, honeypot, describe(visit, CANARY_RULE, "replay"));
  const rule = isSignedIn(request.headers) ? undefined : findScannerRule(url.pathname, url.search);
  const answer = await pass();
  if (rule === undefined || (!rule.certain && !hasFailed(request.method, answer.status))) return answer;
  const decoy = honeypot.rules.decoys && answer.status === 404 ? rule.decoy : undefined;
  noteProbe(visit, honeypot, describe(visit, rule, decoy === undefined ? "seen" : "decoy"));
  if (decoy === undefined) return answer;
  await discard(answer);
  return showDecoy(decoy, await makeCanary(honeypot), request.method);
}

function isBlocked({ visitor }: Visit, { blocks }: EdgeHoneypot): boolean {
  if (blocks.size === 0) return false;
  const until = blocks.get(networksOf(visitor.addr).sources[0].text);
  return until !== undefined && Date.now() < until;
}

/** Methods that WebDAV and its kin have beside HTTP's own (RFC 4918, 3253, 4791, 5323). */
const webDavMethods = new Set(
  "PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT MKCALENDAR SEARCH".split(" "),
);

/** Such a client shows its password when it is asked for it: the first 401 is the question, and its files have names too. */
function hasFailed(method: string, status: number): boolean {
  return status >= 400 && !(status === 401 && webDavMethods.has(method));
}

/** Claims to be: whoever lies about it is no signal, and loses nothing of ours by it. */
function isSignedIn(headers: Headers): boolean {
  return headers.has("authorization") || /(?:^|;\s*)__Host-burrow/.test(headers.get("cookie") ?? "");
}

/** A decoy's password, wherever it comes back in the head of a request. Bodies are the origin's to look at. */
async function bearsCanary({ request, url }: Visit, honeypot: EdgeHoneypot): Promise<boolean> {
  const authorization = request.headers.get("authorization") ?? "";
  const text = `${url.pathname}${url.search} ${readBasic(authorization)}`;
  for (const { random, mac } of findCanaryCandidates(text)) {
    const right = new Uint8Array(await crypto.subtle.sign("HMAC", honeypot.canaryKey, random));
    // A canary opens nothing, so how long the comparison takes tells nothing worth knowing.
    if (mac.every((byte, index) => byte === right[index])) return true;
  }
  return false;
}

async function makeCanary(honeypot: EdgeHoneypot): Promise<string> {
  const random = crypto.getRandomValues(new Uint8Array(CANARY_BYTES.random));
  return formatCanary(random, new Uint8Array(await crypto.subtle.sign("HMAC", honeypot.canaryKey, random)));
}

function readBasic(authorization: string): string {
  const coded = /^Basic +([A-Za-z0-9+/=]{1,1024})$/i.exec(authorization)?.[1];
  if (coded === undefined) return authorization.slice(0, 1_024);
  try {
    return atob(coded);
  } catch {
    return "";
  }
}

function describe({ request, url, visitor }: Visit, rule: ScannerRule, outcome: Probe["outcome"]): Probe {
  const now = Date.now();
  return {
    address: visitor.addr,
    host: visitor.host,
    method: request.method.slice(0, 20),
    target: `${url.pathname}${url.search}`.slice(0, PROBE_TARGET_MAX),
    rule: rule.id,
    count: 1,
    firstAt: now,
    lastAt: now,
    outcome,
    country: visitor.country ?? "",
  };
}

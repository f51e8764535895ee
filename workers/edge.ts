import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../shared/edge-key.ts";
import { foldHeaderName } from "../shared/headers.ts";
import { parseHostTable } from "../shared/hosts.ts";
import type { HostTable } from "../shared/hosts.ts";
import { type MailPolicy, parseMailPolicy } from "../shared/mail-policy.ts";
import { hstsOfStage } from "../shared/security-headers.ts";
import type { Env } from "./env.ts";
import { openAccess } from "./gate/access.ts";
import type { EdgeAccess } from "./gate/access.ts";
import { openHoneypot } from "./gate/report-probes.ts";
import type { EdgeHoneypot } from "./gate/report-probes.ts";
import { knownOfPanic, type PanicKnown } from "./panic-in-force.ts";

/** What an isolate makes once of its bindings, and what it learns as it works. */
export interface Edge {
  readonly hosts: HostTable;
  readonly hsts: string | undefined;
  readonly trustedHeaders: ReadonlySet<string>;
  /** Undefined where nothing is behind Cloudflare Access. */
  readonly access: EdgeAccess | undefined;
  /** Undefined where the honeypot is off. */
  readonly honeypot: EdgeHoneypot | undefined;
  /** Undefined where mail is off. */
  readonly mail: MailPolicy | undefined;
  readonly keyid: string;
  readonly requestKey: CryptoKey;
  readonly replyKey: CryptoKey;
  readonly fetchKey: CryptoKey;
  readonly heartbeatKey: CryptoKey;
  /** Nonces of the origin's orders → when they were created, in unix seconds. */
  readonly orderNonces: Map<string, number>;
  /** Origin's clock minus ours in milliseconds, as of its last proved reply; undefined before one. */
  clockOffset: number | undefined;
  /** Until when the counter of wrong tries is not asked, unix ms: it has just failed. */
  readonly counter: { leftAloneUntil: number };
  /** Failed proofs that the sentinel was not yet told of. */
  readonly untold: { failures: number; lastTold: number };
  readonly panic: PanicKnown;
}

/** A deployment that cannot work; the message says what to set and shows no secret. */
export class EdgeSettingsError extends Error {
  override readonly name = "EdgeSettingsError";
}

interface Remembered {
  settings: string;
  edge: Edge;
}

let remembered: Remembered | undefined;

/**
 * The isolate's edge, made at its first request.
 *
 * @throws EdgeSettingsError, HostTableError, HstsStageError or AccessRulesError when a setting cannot be used.
 */
export async function openEdge(env: Env): Promise<Edge> {
  const settings = [
    env.HOSTS,
    env.HSTS_STAGE,
    env.TRUSTED_HEADERS,
    env.EDGE_KEY,
    env.ACCESS,
    env.HONEYPOT,
    env.MAIL_POLICY,
  ].join("\n");
  if (remembered?.settings === settings) return remembered.edge;
  // Not the promise but the edge is remembered: workerd does not let one request wait for another's promise.
  const edge = await makeEdge(env);
  remembered = { settings, edge };
  return edge;
}

async function makeEdge(env: Env): Promise<Edge> {
  const key = parseEdgeKey(env.EDGE_KEY ?? "");
  if (key === undefined)
    throw new EdgeSettingsError(
      "EDGE_KEY is not set to a key line: wrangler secret put EDGE_KEY < the key file",
    );
  const secret = await crypto.subtle.importKey("raw", key.secret, "HKDF", false, ["deriveKey"]);
  return {
    hosts: parseHostTable(env.HOSTS ?? ""),
    hsts: hstsOfStage(env.HSTS_STAGE ?? ""),
    trustedHeaders: new Set((env.TRUSTED_HEADERS ?? "").split(/\s+/).filter(Boolean).map(foldHeaderName)),
    access: openAccess(env.ACCESS),
    honeypot: openHoneypot(env.HONEYPOT, await derive(secret, EDGE_KEY_DERIVATION.canaryInfo)),
    mail: parseMailPolicy(env.MAIL_POLICY),
    keyid: key.keyid,
    requestKey: await derive(secret, EDGE_KEY_DERIVATION.requestInfo),
    replyKey: await derive(secret, EDGE_KEY_DERIVATION.replyInfo),
    fetchKey: await derive(secret, EDGE_KEY_DERIVATION.fetchInfo),
    heartbeatKey: await derive(secret, EDGE_KEY_DERIVATION.heartbeatInfo),
    orderNonces: new Map(),
    clockOffset: undefined,
    counter: { leftAloneUntil: 0 },
    untold: { failures: 0, lastTold: 0 },
    panic: knownOfPanic(),
  };
}

function derive(secret: CryptoKey, info: string): Promise<CryptoKey> {
  const { hash, bytes } = EDGE_KEY_DERIVATION;
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash, salt: new Uint8Array(0), info: new TextEncoder().encode(info) },
    secret,
    { name: "HMAC", hash, length: bytes * 8 },
    false,
    ["sign", "verify"],
  );
}

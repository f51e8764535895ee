import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { IncomingMessage } from "node:http";

import { parseEdgeClient } from "../../shared/edge-client.ts";
import type { EdgeClient } from "../../shared/edge-client.ts";
import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../shared/edge-key.ts";
import {
  ACCESS_JWT_HEADER,
  CLIENT_HEADER,
  isWithinWindow,
  parseProof,
  proofBase,
} from "../../shared/edge-proof.ts";
import type { PanicLevel } from "../../shared/panic.ts";
import { formatReply, NO_NONCE, replyBase } from "../../shared/reply-proof.ts";
import type { GuessVerdict, ProofVerdict } from "../../shared/reply-proof.ts";
import type { Nonces } from "./nonces.ts";

/** Why a proof was not accepted; for logs and diagnosis, never for an answer. */
export type ProofFault =
  | "missing"
  | "malformed"
  | "unknown-key"
  | "wrong-mac"
  | "outside-window"
  | "before-start"
  | "replayed";

/** What of a verdict the reply proof needs. */
interface Answerable {
  proof: ProofVerdict;
  nonce: string;
  keyid: string | undefined;
  /** Whether the mac was right, so that the asker may be told the panic level. */
  authentic: boolean;
}

export interface AcceptedProof extends Answerable {
  proof: "accepted";
  keyid: string;
  client: EdgeClient;
  /** The Access identity that the signature covers; its own signature is not yet verified. */
  accessJwt?: string;
}

export interface RejectedProof extends Answerable {
  proof: "stale" | "refused";
  fault: ProofFault;
}

export type EdgeVerdict = AcceptedProof | RejectedProof;

/** What `/health/auth` and `doctor` tell of the proof. */
export interface ProofDiagnosis {
  /** Origin's clock minus the edge's own, in seconds, as of the last authentic request; null before one. */
  clockSkewSeconds: number | null;
  /** Proofs not accepted within the last ten minutes, counted up to 1,000. */
  recentFailures: number;
  /** Unix milliseconds, or null when none failed since the start. */
  lastFailureAt: number | null;
}

/** The origin's half of the edge proof. */
export interface EdgeProof {
  /** Judges a request by its raw request line and headers; never throws. Call it once a request: it notes the nonce. */
  verify(incoming: IncomingMessage): EdgeVerdict;
  /** The value of the `Burrow-Reply` field that every answer to the request must carry, 101 and refusals too. */
  replyHeader(verdict: EdgeVerdict, status: number, guess?: GuessVerdict): string;
  diagnosis(): ProofDiagnosis;
}

export interface EdgeProofOptions {
  /** One or two key lines (`<keyid>.<base64url>`), the newest first. */
  keys: readonly string[];
  /** Unix milliseconds. */
  now: () => number;
  nonces: Nonces;
  panic: () => PanicLevel;
}

/** Edge keys that cannot be used; the message says what to do and holds no part of a key. */
export class EdgeKeyError extends Error {
  override readonly name = "EdgeKeyError";
}

interface LiveKey {
  request: KeyObject;
  reply: KeyObject;
}

interface ProofFields {
  signatureInput: string;
  signature: string;
  client: string;
  accessJwt: string | undefined;
}

const FAILURES_KEPT = 1_000;
const RECENT_MS = 600_000;

/**
 * Makes the verifier of edge proofs and the signer of replies.
 *
 * @throws EdgeKeyError when there is no key, more than two, two of one name, or a line that is no key.
 */
export function createEdgeProof(options: EdgeProofOptions): EdgeProof {
  const { now, nonces, panic } = options;
  const keys = readKeys(options.keys);
  const firstKey = [...keys.values()][0] as LiveKey;
  const failures: number[] = [];
  let clockSkewSeconds: number | null = null;

  function judge(incoming: IncomingMessage): EdgeVerdict {
    const fields = readProofFields(incoming.rawHeaders);
    if (typeof fields === "string") return refuse(fields);
    const proof = parseProof(fields.signatureInput, fields.signature);
    const target = splitTarget(incoming.url ?? "");
    if (proof === undefined || target === undefined) return refuse("malformed");
    const { nonce, keyid } = proof;
    if (proof.coversAccess !== (fields.accessJwt !== undefined)) return refuse("malformed", nonce);
    const key = keys.get(keyid);
    if (key === undefined) return refuse("unknown-key", nonce);

    const base = proofBase(
      {
        method: incoming.method ?? "",
        ...target,
        client: fields.client,
        ...(fields.accessJwt === undefined ? {} : { accessJwt: fields.accessJwt }),
      },
      proof.parameters,
    );
    if (!timingSafeEqual(mac(key.request, base), Buffer.from(proof.mac, "base64")))
      return refuse("wrong-mac", nonce, keyid);
    const client = parseEdgeClient(fields.client);
    if (client === undefined) return refuse("malformed", nonce, keyid);

    const time = now();
    clockSkewSeconds = Math.floor(time / 1000) - client.time;
    const known = { nonce, keyid, authentic: true };
    if (!isWithinWindow(proof.created, Math.floor(time / 1000)))
      return { proof: "stale", fault: "outside-window", ...known };
    const memory = nonces.remember(nonce, proof.created);
    if (memory === "replayed") return { proof: "refused", fault: "replayed", ...known };
    if (memory === "stale") return { proof: "stale", fault: "before-start", ...known };
    return {
      proof: "accepted",
      ...known,
      client,
      ...(fields.accessJwt === undefined ? {} : { accessJwt: fields.accessJwt }),
    };
  }

  return {
    verify(incoming) {
      const verdict = judge(incoming);
      if (verdict.proof !== "accepted") {
        failures.push(now());
        if (failures.length > FAILURES_KEPT) failures.shift();
      }
      return verdict;
    },

    replyHeader(verdict, status, guess = "none") {
      const key = (verdict.keyid === undefined ? undefined : keys.get(verdict.keyid)) ?? firstKey;
      const facts = {
        time: now(),
        proof: verdict.proof,
        // Whoever proved nothing learns nothing.
        panic: verdict.authentic ? panic() : "none",
        guess,
      } as const;
      return formatReply(facts, mac(key.reply, replyBase(verdict.nonce, status, facts)).toString("base64"));
    },

    diagnosis() {
      const since = now() - RECENT_MS;
      return {
        clockSkewSeconds,
        recentFailures: failures.filter((time) => time >= since).length,
        lastFailureAt: failures.at(-1) ?? null,
      };
    },
  };
}

function refuse(fault: ProofFault, nonce = NO_NONCE, keyid?: string): RejectedProof {
  return { proof: "refused", fault, nonce, keyid, authentic: false };
}

function mac(key: KeyObject, base: string): Buffer {
  return createHmac("sha256", key).update(base, "latin1").digest();
}

/** Each field exactly once (RFC 9421 allows several; we send one), or what is wrong. */
function readProofFields(rawHeaders: readonly string[]): ProofFields | "missing" | "malformed" {
  const fields = new Map<string, string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!PROOF_NAME_LENGTHS.has(name.length)) continue;
    const lower = name.toLowerCase();
    if (!PROOF_NAMES.has(lower)) continue;
    if (fields.has(lower)) return "malformed";
    fields.set(lower, rawHeaders[index + 1] ?? "");
  }
  const signatureInput = fields.get("signature-input");
  const signature = fields.get("signature");
  const client = fields.get(CLIENT_HEADER);
  if (signatureInput === undefined || signature === undefined || client === undefined) return "missing";
  return { signatureInput, signature, client, accessJwt: fields.get(ACCESS_JWT_HEADER) };
}

const PROOF_NAMES = new Set(["signature-input", "signature", CLIENT_HEADER, ACCESS_JWT_HEADER]);
const PROOF_NAME_LENGTHS = new Set([...PROOF_NAMES].map((name) => name.length));

/** Path and query as on the wire; undefined for anything but origin form (RFC 9112 §3.2.1). */
function splitTarget(target: string): { path: string; query: string } | undefined {
  if (!target.startsWith("/")) return undefined;
  const mark = target.indexOf("?");
  if (mark === -1) return { path: target, query: "" };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function readKeys(lines: readonly string[]): ReadonlyMap<string, LiveKey> {
  if (lines.length < 1 || lines.length > 2)
    throw new EdgeKeyError(`edge keys: one or two are needed, not ${lines.length}`);
  const keys = new Map<string, LiveKey>();
  for (const [index, line] of lines.entries()) {
    const key = parseEdgeKey(line);
    if (key === undefined)
      throw new EdgeKeyError(`edge key ${index + 1} is not "<keyid>.<base64url of 32 bytes>"; rotate it`);
    if (keys.has(key.keyid)) throw new EdgeKeyError(`edge keys: both are named "${key.keyid}"; rotate one`);
    keys.set(key.keyid, {
      request: derive(key.secret, EDGE_KEY_DERIVATION.requestInfo),
      reply: derive(key.secret, EDGE_KEY_DERIVATION.replyInfo),
    });
  }
  return keys;
}

function derive(secret: Uint8Array, info: string): KeyObject {
  const bytes = hkdfSync("sha256", secret, new Uint8Array(0), info, EDGE_KEY_DERIVATION.bytes);
  return createSecretKey(new Uint8Array(bytes));
}

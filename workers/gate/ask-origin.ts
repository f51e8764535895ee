import { parseReply, REPLY_HEADER, replyBase } from "../../shared/reply-proof.ts";
import type { ReplyFacts } from "../../shared/reply-proof.ts";
import type { Edge } from "../edge.ts";
import type { Env } from "../env.ts";
import { sign } from "./sign.ts";
import type { Errand } from "./sign.ts";

/** The origin's answer and what it says beside it. */
export interface ProvedReply {
  response: Response;
  facts: ReplyFacts;
}

/** Nothing answered. */
export class OriginAwayError extends Error {
  override readonly name = "OriginAwayError";
}

/**
 * Signs an errand, sends it, and verifies who answers before a byte of the answer's body is passed on. Undefined where
 * whatever answered is not the origin; its body is dropped.
 *
 * @throws OriginAwayError when nothing answers, or the sending breaks off.
 * @throws UnknownClientError of `sign`.
 */
export async function askOrigin(errand: Errand, edge: Edge, env: Env): Promise<ProvedReply | undefined> {
  const { headers, nonce } = await sign(errand, edge);
  const init = {
    method: errand.method,
    headers,
    body: errand.body,
    redirect: "manual" as const,
    signal: errand.signal,
    // A cached answer would carry another request's proof; and none of this belongs in a cache on the way.
    cache: "no-store" as const,
    // Required with a stream by the Fetch standard; workerd knows no other way.
    ...(errand.body === null ? {} : { duplex: "half" }),
  };
  let response: Response;
  try {
    response = await env.ORIGIN.fetch(new Request(errand.url, init));
  } catch (error) {
    throw new OriginAwayError("the origin did not answer", { cause: error });
  }
  const facts = await provedFacts(response, nonce, edge);
  if (facts === undefined) {
    await discard(response);
    return undefined;
  }
  edge.clockOffset = facts.time - Date.now();
  // Whose proof was refused is told nothing.
  if (facts.proof === "accepted") edge.panic.told = facts.panic;
  return { response, facts };
}

/** Lets go of an answer that is not passed on. */
export async function discard(response: Response): Promise<void> {
  // A body that broke off has nothing left to let go of.
  await response.body?.cancel().catch(() => undefined);
}

async function provedFacts(response: Response, nonce: string, edge: Edge): Promise<ReplyFacts | undefined> {
  const reply = parseReply(response.headers.get(REPLY_HEADER) ?? "");
  if (reply === undefined) return undefined;
  const mac = Uint8Array.from(atob(reply.mac), (character) => character.charCodeAt(0));
  const base = new TextEncoder().encode(replyBase(nonce, response.status, reply.facts));
  return (await crypto.subtle.verify("HMAC", edge.replyKey, mac, base)) ? reply.facts : undefined;
}

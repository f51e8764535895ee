import { formatEdgeClient } from "../../shared/edge-client.ts";
import {
  ACCESS_JWT_HEADER,
  CLIENT_HEADER,
  formatProof,
  NONCE_BYTES,
  proofBase,
  proofParameters,
} from "../../shared/edge-proof.ts";
import { encodeBase64, encodeBase64Url } from "../../shared/text-codec.ts";
import type { Edge } from "../edge.ts";
import type { Visitor } from "../visit.ts";

/** What is asked of the origin, whoever asks it: a visitor, the clock probe or the heartbeat. */
export interface Errand {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal | null;
  readonly visitor: Visitor;
  readonly accessJwt: string | undefined;
}

/** The client's address is none: without it no limit could be counted, so nothing is forwarded. */
export class UnknownClientError extends Error {
  override readonly name = "UnknownClientError";
}

/**
 * The errand's headers with the edge proof (RFC 9421) on them, and the proof's nonce.
 *
 * @throws UnknownClientError when the visitor has no proper address.
 */
export async function sign(errand: Errand, edge: Edge): Promise<{ headers: Headers; nonce: string }> {
  const now = Date.now();
  // In the origin's clock, so that a phone whose clock is off still works.
  const created = Math.floor((now + (edge.clockOffset ?? 0)) / 1000);
  const client = formatEdgeClient({ ...errand.visitor, time: Math.floor(now / 1000) });
  if (client === undefined) throw new UnknownClientError("the request came without a client address");

  const nonce = encodeBase64Url(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  const { url, method, accessJwt } = errand;
  const parameters = proofParameters({ created, keyid: edge.keyid, nonce }, accessJwt !== undefined);
  const base = proofBase(
    {
      method,
      path: url.pathname,
      query: url.search.slice(1),
      client,
      ...(accessJwt === undefined ? {} : { accessJwt }),
    },
    parameters,
  );
  const mac = await crypto.subtle.sign("HMAC", edge.requestKey, new TextEncoder().encode(base));
  const { signatureInput, signature } = formatProof(parameters, encodeBase64(new Uint8Array(mac)));

  const headers = new Headers(errand.headers);
  headers.set(CLIENT_HEADER, client);
  headers.set("signature-input", signatureInput);
  headers.set("signature", signature);
  if (accessJwt !== undefined) headers.set(ACCESS_JWT_HEADER, accessJwt);
  return { headers, nonce };
}

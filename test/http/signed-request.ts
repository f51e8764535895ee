import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";

import { formatEdgeClient } from "../../shared/edge-client.ts";
import type { EdgeClient } from "../../shared/edge-client.ts";
import { EDGE_KEY_DERIVATION, formatEdgeKey, parseEdgeKey } from "../../shared/edge-key.ts";
import { formatProof, proofBase, proofParameters } from "../../shared/edge-proof.ts";
import { parseReply, replyBase } from "../../shared/reply-proof.ts";
import type { ReplyFacts } from "../../shared/reply-proof.ts";

/** A fresh key line. */
export function makeEdgeKey(keyid: string): string {
  return formatEdgeKey({ keyid, secret: new Uint8Array(randomBytes(32)) });
}

export const ADA: EdgeClient = {
  host: "burrow.example.org",
  scheme: "https",
  addr: "192.0.2.7",
  time: 1_800_000_000,
};

export interface SignRequest {
  key: string;
  /** Unix seconds. */
  created: number;
  method?: string;
  /** Path and query. */
  target?: string;
  client?: EdgeClient;
  nonce?: string;
  accessJwt?: string;
}

/** Signs as the edge does, but by node:crypto: the second implementation that the first is held against. */
export function signedHeaders(request: SignRequest): Record<string, string> {
  const { key, created, method = "GET", target = "/", client = ADA, accessJwt } = request;
  const nonce = request.nonce ?? randomBytes(16).toString("base64url");
  const field = formatEdgeClient(client) ?? "";
  const [path = "", ...query] = target.split("?");
  const keyid = parseEdgeKey(key)?.keyid ?? "none";
  const parameters = proofParameters({ created, keyid, nonce }, accessJwt !== undefined);
  const base = proofBase(
    {
      method,
      path,
      query: query.join("?"),
      client: field,
      ...(accessJwt === undefined ? {} : { accessJwt }),
    },
    parameters,
  );
  const mac = createHmac("sha256", derive(key, EDGE_KEY_DERIVATION.requestInfo))
    .update(base)
    .digest("base64");
  const { signatureInput, signature } = formatProof(parameters, mac);
  return {
    "signature-input": signatureInput,
    signature,
    "burrow-client": field,
    ...(accessJwt === undefined ? {} : { "burrow-access-jwt": accessJwt }),
  };
}

/** The facts of a reply proof whose mac is right, else undefined. */
export function readReply(
  field: string | null | undefined,
  key: string,
  nonce: string,
  status: number,
): ReplyFacts | undefined {
  const reply = parseReply(field ?? "");
  if (reply === undefined) return undefined;
  const mac = createHmac("sha256", derive(key, EDGE_KEY_DERIVATION.replyInfo))
    .update(replyBase(nonce, status, reply.facts))
    .digest("base64");
  return mac === reply.mac ? reply.facts : undefined;
}

/** A request as node:http would hand it over, of which the verifier reads three fields. */
export function incoming(
  method: string,
  target: string,
  headers: Record<string, string> | readonly (readonly [string, string])[],
): IncomingMessage {
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  return { method, url: target, rawHeaders: pairs.flat() } as unknown as IncomingMessage;
}

function derive(key: string, info: string): Buffer {
  const secret = parseEdgeKey(key)?.secret ?? new Uint8Array(0);
  return Buffer.from(hkdfSync("sha256", secret, "", info, EDGE_KEY_DERIVATION.bytes));
}

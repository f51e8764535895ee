import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";

import { formatEdgeClient } from "../../shared/edge-client.ts";
import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../shared/edge-key.ts";
import { formatProof, proofBase, proofParameters } from "../../shared/edge-proof.ts";

export interface SignedRequest {
  method: string;
  /** Path and query, as on the wire. */
  path: string;
  token?: string | undefined;
  /** Text and bytes are sent as they are, anything else as JSON. */
  body?: unknown;
  /** Sends the body without telling its length before. */
  chunked?: boolean;
  headers?: Record<string, string>;
  /** What Access said of the visitor, covered by the signature. */
  accessJwt?: string | undefined;
  signal?: AbortSignal;
  /** Who asks, and which host, where it is not the client's own. */
  address?: string;
  host?: string;
}

export interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
  /** The body as it came. */
  bytes: Buffer;
  /** The body, in the shape that the test expects of it. */
  json<T = Record<string, unknown>>(): T;
}

/** Stands in the edge's place before an origin: signs each request as the Worker does. For load and fault tests. */
export interface SignedClient {
  request(request: SignedRequest): Promise<Answer>;
  close(): void;
}

/** What is signed of a request. */
type Provable = Pick<SignedRequest, "method" | "path" | "accessJwt" | "address" | "host">;

interface Signing {
  /** One line, as in the secrets folder. */
  readonly edgeKey: string;
  /** The public host to ask for. */
  readonly host: string;
  readonly address?: string;
  /** The clock that is signed with, Unix milliseconds: the edge signs in the origin's. */
  readonly now?: () => number;
}

/** The headers by which the edge proves a request, fresh for each. */
export function createSigner(options: Signing): (request: Provable) => Record<string, string> {
  const key = parseEdgeKey(options.edgeKey);
  if (!key) throw new Error("not an edge key");
  const secret = Buffer.from(
    hkdfSync(
      "sha256",
      key.secret,
      new Uint8Array(0),
      EDGE_KEY_DERIVATION.requestInfo,
      EDGE_KEY_DERIVATION.bytes,
    ),
  );
  return function prove({ method, path, accessJwt, ...asked }) {
    const time = Math.floor((options.now ?? Date.now)() / 1000);
    const addr = asked.address ?? options.address ?? "192.0.2.1";
    const client = formatEdgeClient({ host: asked.host ?? options.host, scheme: "https", addr, time }) ?? "";
    const parameters = proofParameters(
      { created: time, keyid: key.keyid, nonce: randomBytes(16).toString("base64url") },
      accessJwt !== undefined,
    );
    const mark = path.indexOf("?");
    const base = proofBase(
      {
        method,
        path: mark < 0 ? path : path.slice(0, mark),
        query: mark < 0 ? "" : path.slice(mark + 1),
        client,
        ...(accessJwt !== undefined && { accessJwt }),
      },
      parameters,
    );
    const { signatureInput, signature } = formatProof(
      parameters,
      createHmac("sha256", secret).update(base, "latin1").digest("base64"),
    );
    return {
      "burrow-client": client,
      "signature-input": signatureInput,
      signature,
      ...(accessJwt !== undefined && { "burrow-access-jwt": accessJwt }),
    };
  };
}

export function createSignedClient(
  options: Signing & {
    /** `http://127.0.0.1:PORT` of the origin. */
    readonly origin: string;
    readonly connections?: number;
  },
): SignedClient {
  const proof = createSigner(options);
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections ?? 256 });
  const { hostname, port } = new URL(options.origin);

  return {
    request(asked) {
      const { method, path, token, body, chunked = false, headers, signal } = asked;
      const isReady = body === undefined || typeof body === "string" || body instanceof Uint8Array;
      const text = isReady ? body : JSON.stringify(body);
      return new Promise((resolve, reject) => {
        const outgoing = httpRequest(
          {
            agent,
            hostname,
            port,
            method,
            path,
            ...(signal && { signal }),
            headers: {
              ...proof(asked),
              ...(token !== undefined && { authorization: `Bearer ${token}` }),
              ...(text !== undefined && {
                "content-type": "application/json",
                ...(chunked
                  ? { "transfer-encoding": "chunked" }
                  : { "content-length": String(Buffer.byteLength(text)) }),
              }),
              ...headers,
            },
          },
          (incoming) => {
            const chunks: Buffer[] = [];
            incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
            incoming.on("error", reject);
            incoming.on("end", () => {
              const bytes = Buffer.concat(chunks);
              const decode = (): string => bytes.toString("utf8");
              resolve({
                status: incoming.statusCode ?? 0,
                headers: incoming.headers,
                bytes,
                // Of a large file nobody wants it.
                get text() {
                  return decode();
                },
                json: <T>() => JSON.parse(decode()) as T,
              });
            });
          },
        );
        outgoing.on("error", reject);
        outgoing.end(text);
      });
    },
    close: () => agent.destroy(),
  };
}

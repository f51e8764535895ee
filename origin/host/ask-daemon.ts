import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { formatEdgeClient } from "../../shared/edge-client.ts";
import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../shared/edge-key.ts";
import { CLIENT_HEADER, formatProof, proofBase, proofParameters } from "../../shared/edge-proof.ts";
import { parseReply, REPLY_HEADER, replyBase, type ReplyFacts } from "../../shared/reply-proof.ts";

/** What to ask: the own daemon, the way the edge asks it. A GET unless it says otherwise. */
export interface Question {
  /** As the daemon announced it: `127.0.0.1:8090` or `unix:/path`. */
  readonly listen: string;
  /** One line of secrets/edge-key. */
  readonly edgeKey: string;
  /** The public host that is asked for. */
  readonly host: string;
  readonly path: string;
  /** Without its `?`. */
  readonly query?: string;
  readonly timeoutMs: number;
  readonly method?: string;
  readonly token?: string;
  /** Sent as JSON. */
  readonly body?: object;
}

export interface DaemonAnswer {
  readonly status: number;
  readonly text: string;
  /** What its reply proof says beside the answer. */
  readonly facts: ReplyFacts;
}

/** Undefined where nothing answers in time, or what answers is not this daemon. */
export async function askDaemon(question: Question): Promise<DaemonAnswer | undefined> {
  const key = parseEdgeKey(question.edgeKey);
  if (!key) return undefined;
  const derive = (info: string): Buffer =>
    Buffer.from(hkdfSync("sha256", key.secret, new Uint8Array(0), info, EDGE_KEY_DERIVATION.bytes));
  const { host, path, query = "", method = "GET", token } = question;
  const nonce = randomBytes(16).toString("base64url");
  const time = Math.floor(Date.now() / 1000);
  const client = formatEdgeClient({ host, scheme: "https", addr: "127.0.0.1", time }) ?? "";
  const parameters = proofParameters({ created: time, keyid: key.keyid, nonce }, false);
  const base = proofBase({ method, path, query, client }, parameters);
  const mac = createHmac("sha256", derive(EDGE_KEY_DERIVATION.requestInfo)).update(base, "latin1");
  const { signatureInput, signature } = formatProof(parameters, mac.digest("base64"));
  const answer = await send(question, {
    [CLIENT_HEADER]: client,
    "signature-input": signatureInput,
    signature,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  });
  if (!answer) return undefined;
  const reply = parseReply(answer.reply);
  if (!reply) return undefined;
  const expected = createHmac("sha256", derive(EDGE_KEY_DERIVATION.replyInfo))
    .update(replyBase(nonce, answer.status, reply.facts))
    .digest();
  // Any app of a phone may listen where the daemon did: only it can sign this.
  if (!timingSafeEqual(expected, Buffer.from(reply.mac, "base64"))) return undefined;
  return { status: answer.status, text: answer.text, facts: reply.facts };
}

async function send(
  { listen, path, query = "", timeoutMs, method = "GET", body }: Question,
  headers: Record<string, string>,
): Promise<{ status: number; text: string; reply: string } | undefined> {
  const where = listen.startsWith("unix:")
    ? { socketPath: listen.slice("unix:".length) }
    : {
        host: new URL(`http://${listen}`).hostname.replace(/^\[|\]$/g, ""),
        port: new URL(`http://${listen}`).port,
      };
  // As a module it brings fetch and WebSocket along, 14 MB that every command would have.
  const { request } = await import("node:http");
  return await new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = body && Buffer.from(JSON.stringify(body));
    // Told beforehand: node frames no body of a DELETE by itself.
    const framing = sent && { "content-type": "application/json", "content-length": sent.length };
    const target = query === "" ? path : `${path}?${query}`;
    const options = {
      ...where,
      path: target,
      method,
      headers: { ...headers, ...framing },
      agent: false,
      signal,
    };
    const asking = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => void chunks.push(chunk));
      response.on("error", () => resolve(undefined));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          reply: String(response.headers[REPLY_HEADER] ?? ""),
        }),
      );
    });
    asking.on("error", () => resolve(undefined));
    asking.end(sent);
  });
}

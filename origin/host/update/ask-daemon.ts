import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { formatEdgeClient } from "../../../shared/edge-client.ts";
import { EDGE_KEY_DERIVATION, parseEdgeKey } from "../../../shared/edge-key.ts";
import { CLIENT_HEADER, formatProof, proofBase, proofParameters } from "../../../shared/edge-proof.ts";
import { parseReply, REPLY_HEADER, replyBase } from "../../../shared/reply-proof.ts";

/** What to ask: the own daemon, the way the edge asks it. */
export interface Question {
  /** As the daemon announced it: `127.0.0.1:8090` or `unix:/path`. */
  readonly listen: string;
  /** One line of secrets/edge-key. */
  readonly edgeKey: string;
  /** The public host that is asked for. */
  readonly host: string;
  readonly path: string;
  readonly timeoutMs: number;
}

/** The answer's status; undefined where nothing answers in time, or what answers is not this daemon. */
export async function askDaemon(question: Question): Promise<number | undefined> {
  const key = parseEdgeKey(question.edgeKey);
  if (!key) return undefined;
  const derive = (info: string): Buffer =>
    Buffer.from(hkdfSync("sha256", key.secret, new Uint8Array(0), info, EDGE_KEY_DERIVATION.bytes));
  const { host, path } = question;
  const nonce = randomBytes(16).toString("base64url");
  const time = Math.floor(Date.now() / 1000);
  const client = formatEdgeClient({ host, scheme: "https", addr: "127.0.0.1", time }) ?? "";
  const parameters = proofParameters({ created: time, keyid: key.keyid, nonce }, false);
  const base = proofBase({ method: "GET", path, query: "", client }, parameters);
  const mac = createHmac("sha256", derive(EDGE_KEY_DERIVATION.requestInfo)).update(base, "latin1");
  const { signatureInput, signature } = formatProof(parameters, mac.digest("base64"));
  const answer = await get(question, {
    [CLIENT_HEADER]: client,
    "signature-input": signatureInput,
    signature,
  });
  if (!answer) return undefined;
  const reply = parseReply(answer.reply);
  if (!reply) return undefined;
  const expected = createHmac("sha256", derive(EDGE_KEY_DERIVATION.replyInfo))
    .update(replyBase(nonce, answer.status, reply.facts))
    .digest();
  // Any app of a phone may listen where the daemon did: only it can sign this.
  return timingSafeEqual(expected, Buffer.from(reply.mac, "base64")) ? answer.status : undefined;
}

async function get(
  { listen, path, timeoutMs }: Question,
  headers: Record<string, string>,
): Promise<{ status: number; reply: string } | undefined> {
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
    const asking = request({ ...where, path, headers, agent: false, signal }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, reply: String(response.headers[REPLY_HEADER] ?? "") });
    });
    asking.on("error", () => resolve(undefined));
    asking.end();
  });
}

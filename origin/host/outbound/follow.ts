import type { Hop, HopAnswer, HopRequest } from "./hop.ts";
import { OutboundError } from "./outbound-error.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What goes along to another origin: nothing by which the first one knew the asker. */
const IMPERSONAL = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "user-agent",
  "range",
  "if-range",
  "content-type",
]);

/** Fetch standard, "request-body-header name": they go with the body. */
const BODY_FIELDS = ["content-type", "content-length", "content-encoding", "content-language"];

/**
 * Asks, and follows redirects by hand: `vet` judges each address, as a text resolved against the one before, and returns
 * the URL to ask. With `most` 0 a redirect is the answer.
 *
 * @throws OutboundError `too-many-redirects`, `bad-redirect` (no address, or a body that must not or cannot be sent
 * again), and whatever `vet` and `hop` throw.
 */
export async function askAndFollow(
  first: HopRequest,
  { hop, vet, most }: { hop: Hop; vet: (text: string) => URL; most: number },
): Promise<{ answer: HopAnswer; url: URL; method: string }> {
  let request = first;
  for (let left = most; ; left -= 1) {
    const answer = await hop(request);
    const location = REDIRECTS.has(answer.status) ? answer.headers.get("location") : null;
    if (location === null || most === 0) return { answer, url: request.url, method: request.method };
    answer.body.destroy();
    if (left === 0) throw new OutboundError("too-many-redirects");
    request = redirected(request, answer.status, vet(resolve(location, request.url)));
  }
}

function resolve(location: string, base: URL): string {
  // Some servers send UTF-8 where HTTP has ASCII; it arrives as one character a byte.
  const text = /[^ -ÿ]/.test(location) ? location : Buffer.from(location, "latin1").toString();
  const url = URL.parse(text, base.href);
  if (url === null) throw new OutboundError("bad-redirect");
  return url.href;
}

/** Fetch standard, "HTTP-redirect fetch", and stricter with what crosses origins. */
function redirected(request: HopRequest, status: number, url: URL): HopRequest {
  const { method, body } = request;
  const crosses = url.origin !== request.url.origin;
  const headers = new Headers(request.headers);
  if (crosses) for (const name of request.headers.keys()) if (!IMPERSONAL.has(name)) headers.delete(name);
  const becomesGet = status === 303 ? method !== "HEAD" : status < 303 && method === "POST";
  if (becomesGet) {
    for (const name of BODY_FIELDS) headers.delete(name);
    return { ...request, url, headers, method: "GET", body: undefined };
  }
  const canRepeat = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  if (!canRepeat || (body !== undefined && crosses)) throw new OutboundError("bad-redirect");
  return { ...request, url, headers };
}

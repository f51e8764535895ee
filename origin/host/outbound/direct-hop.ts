import type { Agent } from "undici";
import { withSignal } from "./connector.ts";
import type { Hop } from "./hop.ts";
import { OutboundError } from "./outbound-error.ts";

/** Asks the server itself. Without `reuse` each connection serves one request, so that nothing is kept of a stranger. */
export function createDirectHop(agent: Agent, { reuse }: { reuse: boolean }): Hop {
  return async ({ method, url, headers, body, signal }) => {
    const asked = agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: Object.fromEntries(headers),
      body: body ?? null,
      signal,
      reset: !reuse,
    });
    // While it resolves and connects, undici does not look at the signal.
    const answer = await withSignal(asked, signal);
    answer.body.on("error", () => undefined);
    try {
      return { status: answer.statusCode, headers: readHeaders(answer.headers), body: answer.body };
    } catch (error) {
      answer.body.destroy();
      throw new OutboundError("bad-answer", error);
    }
  };
}

/** @throws TypeError on a name or a value that HTTP does not allow. */
function readHeaders(fields: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    for (const line of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, line);
  }
  return headers;
}

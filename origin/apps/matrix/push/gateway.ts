import type { Outbound } from "../../../host/outbound/outbound.ts";

/** What became of one request to a push gateway. */
export type GatewayAnswer =
  /** 2xx: it is the gateway's now, except for these pushkeys, which are good no more. */
  | { readonly kind: "taken"; readonly rejected: readonly string[] }
  /** It does not like this very notification: another one may pass. */
  | { readonly kind: "refused" }
  /** To be tried again; not before `retryAfterMs`, where it says so. */
  | { readonly kind: "unavailable"; readonly retryAfterMs: number };

export type Gateway = (url: string, notification: object, signal: AbortSignal) => Promise<GatewayAnswer>;

/** What a gateway finds wrong with a request rather than with itself or with its being asked. */
const refusals = new Set([400, 413, 422]);

/** Push Gateway API §POST /_matrix/push/v1/notify. Never rejects. */
export function createGateway(outbound: Pick<Outbound, "fetch">): Gateway {
  return async (url, notification, signal) => {
    try {
      const answer = await outbound.fetch("push", url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ notification }),
        signal,
      });
      if (answer.ok) return { kind: "taken", rejected: await readRejected(answer) };
      await answer.body?.cancel();
      if (refusals.has(answer.status)) return { kind: "refused" };
      const seconds = Number(answer.headers.get("retry-after") ?? 0);
      return { kind: "unavailable", retryAfterMs: seconds > 0 ? seconds * 1000 : 0 };
    } catch {
      // The table has logged why.
      return { kind: "unavailable", retryAfterMs: 0 };
    }
  };
}

/** A gateway that has taken it, and says so in no words that can be read, has rejected nothing. */
async function readRejected(answer: Response): Promise<string[]> {
  try {
    const body = (await answer.json()) as { rejected?: unknown } | null;
    const rejected: unknown = body?.rejected;
    return Array.isArray(rejected) ? rejected.filter((key) => typeof key === "string") : [];
  } catch {
    return [];
  }
}

import { retryAfterOf } from "../../shared/answers.ts";
import { networksOf } from "../../shared/client-networks.ts";
import { readDeviceCookie } from "../../shared/device-cookie.ts";
import { classifyGuess } from "../../shared/guess-routes.ts";
import type { GuessVerdict } from "../../shared/reply-proof.ts";
import { encodeBase64Url } from "../../shared/text-codec.ts";
import { throttled } from "../../shared/throttled.ts";
import { FLOOD_PAUSE_MS } from "../state/edge-budgets.ts";
import type { EdgeAttempt } from "../state/edge-budgets.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

/** Who signs in waits this long for the count, at most; then the origin's own limits decide alone. */
const ANSWER_WITHIN_MS = 300;
/** After a failure nobody waits for the counter again for so long. */
const LEFT_ALONE_MS = 15_000;

/**
 * Answers 429 to a source of too many wrong tries, on the routes where secrets are tried and on no other. Counters that
 * fail or are spent stop nobody: the origin counts for itself.
 */
export async function throttleLogin(visit: Visit): Promise<Response | undefined> {
  const attempt = await readAttempt(visit);
  if (attempt === undefined) return undefined;
  const flooding = await isFlooding(visit, attempt);
  // A device that is known goes its own way; which ones are, the counter knows.
  const wait =
    flooding && attempt.device === undefined ? FLOOD_PAUSE_MS : await askCounter(visit, attempt, flooding);
  if (wait === 0) return undefined;
  const complaint = throttled(wait);
  return refuse(visit, complaint, retryAfterOf(complaint));
}

/** Tells the counter what the origin made of a try; nobody waits for it. */
export function tellVerdict(visit: Visit, verdict: GuessVerdict, answer: Response): void {
  if (verdict === "none") return;
  visit.ctx.waitUntil(
    (async () => {
      try {
        const issued = verdict === "ok" ? answer.headers.getSetCookie().map(readDeviceCookie) : [];
        const attempt = await readAttempt(visit, issued.find(Boolean));
        if (attempt === undefined || (verdict === "ok" && attempt.device === undefined)) return;
        await visit.env.THROTTLE.getByName("edge").tell(attempt, verdict);
      } catch {
        visit.edge.counter.leftAloneUntil = Date.now() + LEFT_ALONE_MS;
      }
    })(),
  );
}

async function readAttempt(visit: Visit, issuedDevice?: string): Promise<EdgeAttempt | undefined> {
  const { request, url, visitor } = visit;
  const kind = classifyGuess(request.method, url.pathname);
  if (kind === undefined) return undefined;
  const cookie = issuedDevice ?? readDeviceCookie(request.headers.get("cookie"));
  return {
    kind,
    networks: networksOf(visitor.addr).sources,
    device: cookie === undefined ? undefined : await hashOf(cookie),
  };
}

/** A cheap first look, at this location of Cloudflare's only: requests, not verdicts, and many more than anyone needs. */
async function isFlooding({ env }: Visit, { networks }: EdgeAttempt): Promise<boolean> {
  try {
    const { success } = await env.LOGIN_RATE.limit({ key: networks[0]?.text ?? "" });
    return !success;
  } catch {
    return false;
  }
}

async function askCounter({ edge, env }: Visit, attempt: EdgeAttempt, flooding: boolean): Promise<number> {
  const { counter } = edge;
  if (Date.now() < counter.leftAloneUntil) return 0;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([env.THROTTLE.getByName("edge").ask(attempt, flooding), late]);
  } catch {
    counter.leftAloneUntil = Date.now() + LEFT_ALONE_MS;
    return 0;
  } finally {
    clearTimeout(timer);
  }
}

async function hashOf(cookie: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(cookie));
  return encodeBase64Url(new Uint8Array(digest));
}

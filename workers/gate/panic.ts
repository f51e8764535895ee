import { isMatrixPath, MATRIX_CORS } from "../../shared/answers.ts";
import { FETCH_ORDER_PATH } from "../../shared/fetch-order.ts";
import { HEARTBEAT_PATH } from "../../shared/heartbeat.ts";
import { appOfUrl } from "../../shared/hosts.ts";
import { PANIC_RETRY_AFTER, panicRefusal } from "../../shared/panic.ts";
import { askHealth } from "../ask-health.ts";
import { panicInForce, spreadPanic } from "../panic-in-force.ts";
import type { Visit } from "../visit.ts";
import { answerFailure, refuse } from "./refusal.ts";

/** While it is closed, the origin is asked so often, in milliseconds, whether it still is. */
const ASK_AGAIN_MS = 15_000;

/** What the two sides say to each other goes on, so that each hears of the end: its answers hold nothing of anybody. */
const ORDERS = new Set([FETCH_ORDER_PATH, HEARTBEAT_PATH]);
const HEALTH = new Set(["/health", "/health/auth"]);

/** E8: answers in the origin's place while a panic shuts the asker out. Undefined lets the visit go on. */
export async function requireOpen(visit: Visit): Promise<Response | undefined> {
  const { edge, env, request, url } = visit;
  const level = await panicInForce(edge, env);
  const { method } = request;
  const isQuestion = (method === "GET" || method === "HEAD") && HEALTH.has(url.pathname);
  if (level !== "lost" && isQuestion) return undefined;
  if (level === undefined) return answerFailure(visit, "away");
  if (level !== "lost" && method === "POST" && ORDERS.has(url.pathname)) return undefined;
  const complaint = panicRefusal(level, { method, path: url.pathname, app: appOfUrl(edge.hosts, url) });
  if (complaint === undefined) return undefined;
  if (level !== "lost") askAgain(visit);
  // A preflight must succeed, or the browser hides the real answer from the Matrix client behind a network error.
  if (method === "OPTIONS" && isMatrixPath(url.pathname))
    return new Response(null, { status: 204, headers: Object.fromEntries(MATRIX_CORS) });
  return refuse(visit, complaint, { "retry-after": String(PANIC_RETRY_AFTER) });
}

/** Nothing is forwarded by which the edge would learn that the panic is over, so it asks. */
function askAgain({ edge, env, ctx }: Visit): void {
  const now = Date.now();
  if (now - edge.panic.askedAt < ASK_AGAIN_MS) return;
  edge.panic.askedAt = now;
  ctx.waitUntil(askHealth(edge, env).then(() => spreadPanic(edge, env)));
}

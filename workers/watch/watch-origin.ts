import { askHealth } from "../ask-health.ts";
import type { Edge } from "../edge.ts";
import type { Env } from "../env.ts";
import { panicInForce, spreadPanic } from "../panic-in-force.ts";
import { sendAlert } from "./send-alert.ts";
import { watchRequests } from "./watch-requests.ts";

/** What the cron trigger does every five minutes: E10. A server that is lost is not asked for anything. */
export async function watchOrigin(edge: Edge, env: Env, scheduledTime: number): Promise<void> {
  await watchRequests(env, scheduledTime);
  if ((await panicInForce(edge, env)) === "lost") return;
  const health = await askHealth(edge, env);
  await spreadPanic(edge, env);
  if (health !== "well") console.error(JSON.stringify({ alert: `origin-${health}` }));
  const sentinel = env.SENTINEL.getByName("edge");
  const news = await sentinel.judge(health);
  if (news === undefined) return;
  const title = news.kind === "silent" ? "Burrow cannot be reached" : "Burrow is back";
  // Noted only once it went out: otherwise the next look tries again.
  if (await sendAlert(env, { title, text: news.detail, urgent: news.kind === "silent" }))
    await sentinel.announced(news.kind);
}

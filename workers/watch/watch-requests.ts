import type { Env } from "../env.ts";
import { sendAlert } from "./send-alert.ts";

/** Of the free plan, a day from midnight UTC, all Workers of the account together. */
const REQUESTS_A_DAY = 100_000;
/** In percent: past the last one the edge answers nobody until midnight. */
const SHARES = [90, 70];
const GRAPHQL = "https://api.cloudflare.com/client/v4/graphql";
const LOOK_EVERY_MS = 1_800_000;
const CRON_EVERY_MS = 300_000;
const ANSWER_WITHIN_MS = 15_000;

const QUERY = `query Requests($account: string!, $from: Time!, $to: Time!) {
  viewer { accounts(filter: { accountTag: $account }) {
    workersInvocationsAdaptive(limit: 1000, filter: { datetime_geq: $from, datetime_leq: $to }) { sum { requests } }
  } }
}`;

interface Analytics {
  data?: {
    viewer?: { accounts?: { workersInvocationsAdaptive?: { sum?: { requests?: unknown } }[] }[] };
  } | null;
}

/**
 * Tells the owner, once a day each, that 70 or 90 % of the day's requests are used: counted by Cloudflare, so that no
 * request costs a write. Every half hour, and only where a token for it is set.
 */
export async function watchRequests(env: Env, now: number, graphql = GRAPHQL): Promise<void> {
  const { ANALYTICS_TOKEN: token, ACCOUNT_ID: account } = env;
  if (token === undefined || account === undefined || now % LOOK_EVERY_MS >= CRON_EVERY_MS) return;
  const used = await countRequests({ token, account, now, graphql });
  if (used === undefined) return;
  const share = SHARES.find((percent) => used >= (REQUESTS_A_DAY * percent) / 100);
  if (share === undefined) return;
  const day = dayOf(now);
  const sentinel = env.SENTINEL.getByName("edge");
  if ((await sentinel.shareTold(day)) >= share) return;
  const told = await sendAlert(env, {
    title: `Burrow: ${share} % of today's requests are used`,
    text: `${used} of ${REQUESTS_A_DAY} requests are used since midnight UTC. Past that the edge answers nobody until midnight UTC.`,
    urgent: share >= 90,
  });
  if (told) await sentinel.noteShareTold(day, share);
}

/** The account's requests to Workers since midnight UTC; undefined where that cannot be had. */
async function countRequests(options: {
  token: string;
  account: string;
  now: number;
  graphql: string;
}): Promise<number | undefined> {
  const { token, account, now, graphql } = options;
  const variables = { account, from: `${dayOf(now)}T00:00:00Z`, to: new Date(now).toISOString() };
  try {
    const answer = await fetch(graphql, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: QUERY, variables }),
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const { data } = await answer.json<Analytics>();
    const rows = data?.viewer?.accounts?.[0]?.workersInvocationsAdaptive;
    if (rows === undefined) throw new Error(`status ${answer.status}, and no figures`);
    return rows.reduce((sum, row) => sum + (Number(row.sum?.requests) || 0), 0);
  } catch (error) {
    console.error(JSON.stringify({ alert: "requests-not-counted", error: String(error) }));
    return undefined;
  }
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

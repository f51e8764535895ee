import type { Env } from "../env.ts";

export interface Alert {
  readonly title: string;
  readonly text: string;
  readonly urgent: boolean;
}

const ANSWER_WITHIN_MS = 15_000;

/**
 * Tells the owner by every way that the deployment has: a POST of plain text, which ntfy and most receivers take, and a
 * mail. Whether one of them took it; true where there is none, since nothing is gained by trying again.
 */
export async function sendAlert(env: Env, alert: Alert): Promise<boolean> {
  console.error(JSON.stringify({ alert: alert.title, detail: alert.text }));
  const ways = [byHook(env, alert), byMail(env, alert)].filter((way) => way !== undefined);
  const taken = await Promise.all(ways);
  return ways.length === 0 || taken.includes(true);
}

function byHook({ ALERT_URL }: Env, { title, text, urgent }: Alert): Promise<boolean> | undefined {
  if (ALERT_URL === undefined || ALERT_URL === "") return undefined;
  return attempt(async () => {
    const answer = await fetch(ALERT_URL, {
      method: "POST",
      // Header fields that ntfy shows; others overlook them.
      headers: { "content-type": "text/plain; charset=utf-8", title, priority: urgent ? "high" : "default" },
      body: text,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`status ${answer.status}`);
  });
}

function byMail(env: Env, { title, text }: Alert): Promise<boolean> | undefined {
  const { ALERT_MAIL: mail, ALERT_MAIL_FROM: from, ALERT_MAIL_TO: to } = env;
  if (mail === undefined || from === undefined || to === undefined) return undefined;
  return attempt(async () => {
    await mail.send({ from, to, subject: title, text });
  });
}

async function attempt(send: () => Promise<void>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    // The address is a secret: an error of fetch may name it.
    console.error(
      JSON.stringify({ alert: "alert-not-sent", error: error instanceof Error ? error.name : "" }),
    );
    return false;
  }
}

/** E10: what the cron trigger tells the owner, and how often. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { test, type TestContext } from "node:test";

const MINUTE = 60_000;

interface Sent {
  to?: string;
  subject?: string;
  text?: string;
}

interface Watched {
  lastBeat: number | null;
  failingSince: number | null;
  announced: "silent" | "returned";
}

interface Modules {
  readonly NOTHING_WATCHED: Watched;
  readonly judgeSilence: (
    before: Watched,
    found: { health: string; now: number },
  ) => { watched: Watched; news: { kind: Watched["announced"]; detail: string } | undefined };
  readonly watchRequests: (env: object, now: number, graphql: string) => Promise<void>;
  readonly sendAlert: (
    env: object,
    alert: { title: string; text: string; urgent: boolean },
  ) => Promise<boolean>;
}

/** The checker reads workers/ under workerd's types. */
const load = async (path: string): Promise<Modules> =>
  (await import(new URL(`../../workers/${path}`, import.meta.url).href)) as Modules;
const { judgeSilence, NOTHING_WATCHED } = await load("state/judge-silence.ts");
const { watchRequests } = await load("watch/watch-requests.ts");
const { sendAlert } = await load("watch/send-alert.ts");

/** Looks every five minutes at what each letter says (w: well, a: away), with signs of life where it is in capitals. */
function look(letters: string): { news: (string | undefined)[]; details: string[] } {
  let watched: Watched = NOTHING_WATCHED;
  const details: string[] = [];
  const news = letters.split("").map((letter, index): string | undefined => {
    const now = 1_800_000_000_000 + index * 5 * MINUTE;
    if (letter === letter.toUpperCase()) watched = { ...watched, lastBeat: now - MINUTE };
    const health = letter.toLowerCase() === "w" ? "well" : "away";
    const judged = judgeSilence(watched, { health, now });
    watched = judged.watched;
    if (judged.news) {
      watched = { ...watched, announced: judged.news.kind };
      details.push(judged.news.detail);
    }
    return judged.news?.kind;
  });
  return { news, details };
}

test("silence is told once, and the return once", () => {
  assert.deepEqual(look("WWaaaawW").news.slice(2), [
    undefined,
    "silent",
    undefined,
    undefined,
    undefined,
    "returned",
  ]);
  // A look that fails by itself, an origin that never called, one that answers and does not get out.
  assert.deepEqual(new Set(look("WaWaWw").news), new Set([undefined]));
  assert.deepEqual(new Set(look("wwwwww").news), new Set([undefined]));
  const { news, details } = look("WwwwwW");
  assert.deepEqual(news, [undefined, undefined, undefined, "silent", undefined, "returned"]);
  assert.match(details[0] ?? "", /does not get out .* 2027-/);
});

test("what was not taken is told again", () => {
  const away = { health: "away", now: 0 };
  const first = judgeSilence(NOTHING_WATCHED, away);
  const second = judgeSilence(first.watched, { ...away, now: 5 * MINUTE });
  const third = judgeSilence(second.watched, { ...away, now: 10 * MINUTE });
  assert.deepEqual([first.news?.kind, second.news?.kind, third.news?.kind], [undefined, "silent", "silent"]);
});

test("the day's requests: 70 and 90 % are told once each, from Cloudflare's own count", async (t) => {
  t.mock.method(console, "error", () => {});
  const asked: { authorization: string | undefined; variables: Record<string, string> }[] = [];
  let requests = 0;
  const graphql = await serve(t, async (incoming) => {
    const { variables } = (await json(incoming)) as { variables: Record<string, string> };
    asked.push({ authorization: incoming.headers.authorization, variables });
    const row = { sum: { requests } };
    return { data: { viewer: { accounts: [{ workersInvocationsAdaptive: [row] }] } } };
  });
  const mails: Sent[] = [];
  let told = { day: "", share: 0 };
  const env = {
    ANALYTICS_TOKEN: "a-token",
    ACCOUNT_ID: "an-account",
    ALERT_MAIL: { send: async (mail: Sent) => void mails.push(mail) },
    ALERT_MAIL_FROM: "burrow@example.org",
    ALERT_MAIL_TO: "ada@example.org",
    SENTINEL: {
      getByName: () => ({
        shareTold: async (day: string) => (told.day === day ? told.share : 0),
        noteShareTold: async (day: string, share: number) => void (told = { day, share }),
      }),
    },
  };
  const noon = Date.UTC(2027, 0, 15, 12);
  for (const [count, minutes] of [
    [69_999, 0],
    [70_000, 30],
    [75_000, 60],
    [99_000, 95],
    [99_000, 120],
    [99_500, 150],
    [80_000, 24 * 60],
  ] as const) {
    requests = count;
    await watchRequests(env, noon + minutes * MINUTE, graphql);
  }
  assert.deepEqual(
    mails.map(({ subject }) => /\d+ %/.exec(subject ?? "")?.[0]),
    ["70 %", "90 %", "70 %"],
  );
  assert.equal(mails[0]?.to, "ada@example.org");
  assert.equal(asked.length, 6, "every half hour");
  assert.deepEqual(asked[0], {
    authorization: "Bearer a-token",
    variables: {
      account: "an-account",
      from: "2027-01-15T00:00:00Z",
      to: "2027-01-15T12:00:00.000Z",
    },
  });
});

test("an answer without figures alerts nobody of a number", async (t) => {
  const lines: string[] = [];
  t.mock.method(console, "error", (line: string) => lines.push(line));
  const graphql = await serve(t, async () => ({ data: null, errors: [{ message: "not allowed" }] }));
  await watchRequests({ ANALYTICS_TOKEN: "a-token", ACCOUNT_ID: "an-account" }, 0, graphql);
  assert.match(lines.join(), /requests-not-counted/);
});

test("an alert goes by every way there is, and one that takes it is enough", async (t) => {
  const lines: string[] = [];
  t.mock.method(console, "error", (line: string) => lines.push(line));
  const posts: { title: string | undefined; text: string }[] = [];
  const hook = await serve(t, async (incoming) => {
    let text = "";
    for await (const chunk of incoming) text += String(chunk);
    posts.push({ title: incoming.headers["title"] as string | undefined, text });
    return {};
  });
  const alert = { title: "Burrow cannot be reached", text: "It is away.", urgent: true };
  const failing = { send: () => Promise.reject(new Error("no such address")) };
  const mail = {
    ALERT_MAIL: failing,
    ALERT_MAIL_FROM: "burrow@example.org",
    ALERT_MAIL_TO: "ada@example.org",
  };
  assert.equal(await sendAlert({ ALERT_URL: hook, ...mail }, alert), true);
  assert.deepEqual(posts, [{ title: alert.title, text: alert.text }]);
  assert.equal(await sendAlert(mail, alert), false);
  const secretPath = "http://127.0.0.1:1/4f2b9c1d7e";
  assert.equal(await sendAlert({ ALERT_URL: secretPath }, alert), false);
  assert.doesNotMatch(lines.join(), /4f2b9c1d7e/);
  assert.equal(await sendAlert({}, alert), true);
});

async function serve(
  t: TestContext,
  answer: (incoming: import("node:http").IncomingMessage) => Promise<object>,
): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    void answer(incoming).then((value) => outgoing.end(JSON.stringify(value)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

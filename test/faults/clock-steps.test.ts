/** The clock is set, forward and back, by an hour and by days, while the server runs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { MatrixApp } from "../../origin/apps/matrix/matrix.ts";
import { openBackupHistory } from "../../origin/host/backup/backup-history.ts";
import { startSchedule } from "../../origin/host/backup/schedule.ts";
import { openHostDatabase } from "../../origin/host/host-database.ts";
import { createLog } from "../../origin/host/log.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { parseReply, REPLY_HEADER } from "../../shared/reply-proof.ts";
import { signedHeaders } from "../http/signed-request.ts";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { type Answer, createSignedClient, type SignedRequest } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [hour, -2 * hour, 3 * day, -4 * day, 40 * day, -39 * day];
const v3 = "/_matrix/client/v3";

async function openServer(t: TestContext) {
  let time = Date.UTC(2026, 10, 22, 12);
  const server = await startTestOrigin({ dataDir: join(temporaryFolder(t), "data"), now: () => time });
  const { origin, facts } = server;
  /** What the edge believes the origin's clock to be. */
  let believed = time;
  let refused = 0;
  const client = createSignedClient({
    origin: facts.url,
    edgeKey: facts.edgeKey,
    host: "127.0.0.1",
    now: () => believed,
  });
  t.after(async () => {
    client.close();
    await server.close();
  });
  /** As the Worker asks: a stale refusal tells the origin's time, and is answered by asking once more. */
  async function ask(request: SignedRequest): Promise<Answer> {
    const first = await client.request(request);
    const reply = parseReply(String(first.headers[REPLY_HEADER]));
    if (reply?.facts.proof !== "stale") return first;
    refused += 1;
    believed = reply.facts.time;
    return client.request(request);
  }
  return {
    origin,
    facts,
    client,
    ask,
    matrix: (origin.apps.find(({ name }) => name === "matrix") as MatrixApp).matrix,
    refused: () => refused,
    now: () => time,
    /** Time goes by: the edge's clock does the same. */
    pass(ms: number) {
      time += ms;
      believed += ms;
    },
    /** The origin's clock alone is set. */
    step(ms: number) {
      time += ms;
    },
  };
}

async function signIn(server: Awaited<ReturnType<typeof openServer>>, refreshable = false) {
  const identifier = { type: "m.id.user", user: "dora" };
  const body = { type: "m.login.password", identifier, password: ownerPassword, refresh_token: refreshable };
  const answer = await server.ask({ method: "POST", path: `${v3}/login`, body });
  assert.equal(answer.status, 200, answer.text);
  return answer.json<{ access_token: string; refresh_token: string; device_id: string }>();
}

test("messages keep their order, sessions their ends, and the edge finds back by itself", async (t) => {
  const server = await openServer(t);
  const { ask, matrix, origin } = server;
  await origin.members.createOwner({ name: "dora", password: ownerPassword });
  const { access_token: token, device_id: deviceId } = await signIn(server);
  const created = await ask({ method: "POST", path: `${v3}/createRoom`, token, body: {} });
  const room = encodeURIComponent(String(created.json()["room_id"]));
  const send = (number: number) =>
    ask({
      method: "PUT",
      path: `${v3}/rooms/${room}/send/m.room.message/t${number}`,
      token,
      body: { msgtype: "m.text", body: `message ${number}` },
    });
  const sync = async (since?: string) => {
    const path = `${v3}/sync${since === undefined ? "" : `?since=${since}`}`;
    const answer = await ask({ method: "GET", path, token });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ next_batch: string }>();
  };

  let { next_batch: since } = await sync();
  let last = (await send(0)).text;
  const positions = [matrix.stream.current()];
  for (const [at, step] of steps.entries()) {
    const refusedBefore = server.refused();
    server.step(step);
    // The repeat of a message whose answer was lost, after whatever the daily clearing made of the step.
    await matrix.transactions.expire();
    assert.equal((await send(at)).text, last, `after ${step / hour} h`);
    assert.equal(server.refused() - refusedBefore, 1, "one refusal, and the edge knows the time");

    const sent = await send(at + 1);
    assert.equal(sent.status, 200, sent.text);
    last = sent.text;
    assert.ok(matrix.stream.current() > (positions.at(-1) ?? 0));
    positions.push(matrix.stream.current());
    const news = await sync(since);
    assert.ok(JSON.stringify(news).includes(String(sent.json()["event_id"])));
    since = news.next_batch;
    // Seen now, by the clock as it is.
    const device = origin.members.devices(1).find((one) => one.deviceId === deviceId);
    assert.equal(device?.lastSeenAt, server.now(), `after ${step / hour} h`);
    server.pass(5 * minute);
  }

  const page = await ask({ method: "GET", path: `${v3}/rooms/${room}/messages?dir=f&limit=100`, token });
  const { chunk } = page.json<{ chunk: { type: string; origin_server_ts: number; content: object }[] }>();
  const messages = chunk.filter(({ type }) => type === "m.room.message");
  assert.deepEqual(
    messages.map(({ content }) => (content as { body: string }).body),
    Array.from({ length: steps.length + 1 }, (_, at) => `message ${at}`),
  );
  const times = messages.map((event) => event.origin_server_ts);
  assert.notDeepEqual(
    times,
    times.toSorted((a, b) => a - b),
    "their times are the clock's",
  );
});

test("a step ends what has a day, and setting the clock right gives it back", async (t) => {
  const server = await openServer(t);
  const { ask, origin } = server;
  const { members } = origin;
  await members.createOwner({ name: "dora", password: ownerPassword });
  const session = await signIn(server, true);
  const { token: invite } = await members.createInvite({
    name: "",
    uses: 1,
    expiresInMs: day,
    createdBy: null,
  });
  const whoami = (token: string) => ask({ method: "GET", path: `${v3}/account/whoami`, token });

  server.step(3 * day);
  assert.equal(members.inviteValid(invite), false);
  const expired = await whoami(session.access_token);
  assert.equal(expired.status, 401);
  assert.equal(expired.json()["soft_logout"], true);
  const body = { refresh_token: session.refresh_token };
  const refreshed = await ask({ method: "POST", path: `${v3}/refresh`, body });
  assert.equal(refreshed.status, 200, refreshed.text);
  assert.equal((await whoami(String(refreshed.json()["access_token"]))).status, 200);

  server.step(-3 * day);
  assert.equal((await whoami(String(refreshed.json()["access_token"]))).status, 200);
  const name = "ben";
  const made = await members.register({ inviteToken: invite, name, password: memberPassword });
  assert.equal(made.name, name);
});

test("what was sent before a step is not accepted again after it", async (t) => {
  const server = await openServer(t);
  const { facts, client } = server;
  const seconds = (): number => Math.floor(server.now() / 1000);
  const send = async (headers: Record<string, string>): Promise<number> =>
    (await client.request({ method: "GET", path: "/health", headers })).status;
  const edge = { host: "127.0.0.1", scheme: "https", addr: "192.0.2.7" } as const;
  const sign = (created: number) =>
    signedHeaders({ key: facts.edgeKey, created, target: "/health", client: { ...edge, time: created } });
  for (const step of [hour, 3 * day]) {
    const before = sign(seconds());
    assert.equal(await send(before), 200);
    server.step(step);
    assert.equal(await send(before), 401, "out of its time");
    const ahead = sign(seconds());
    assert.equal(await send(ahead), 200);
    server.step(-step);
    assert.equal(await send(before), 401, "back in its time");
    assert.equal(await send(sign(seconds())), 200, "what is new passes");
    // The clock comes by the hour again that it once showed too early.
    server.pass(step);
    assert.equal(await send(ahead), 401, "its time has come");
    assert.equal(await send(sign(seconds())), 200);
    server.pass(5 * minute);
  }
});

test("a step brings at most one backup, and none is missed afterwards", async (t) => {
  const databases = openDatabases(temporaryFolder(t));
  t.after(() => databases.close());
  const history = openBackupHistory(openHostDatabase(databases));
  let time = new Date(2026, 10, 22, 12).getTime();
  const runs: number[] = [];
  const alerts: string[] = [];
  const schedule = startSchedule({
    time: "03:30",
    history,
    async run(what) {
      runs.push(time);
      for (const kind of new Set([what, "backup"] as const)) {
        await history.end(await history.begin(kind, time), { ok: true, detail: "", endedAt: time });
      }
    },
    alerts: { raise: ({ id }) => void alerts.push(id), clear: () => {} },
    log: createLog({ level: "error", now: () => time, write: () => {} }),
    now: () => time,
  });
  t.after(() => schedule.close());
  /** Every ten minutes for so long, as the timer would; the number of backups. */
  async function pass(ms: number): Promise<number> {
    const before = runs.length;
    for (let gone = 0; gone < ms; gone += 10 * minute) {
      time += 10 * minute;
      await schedule.tick();
    }
    return runs.length - before;
  }
  await pass(hour);
  assert.equal(await pass(2 * day), 2);
  for (const step of steps) {
    time += step;
    const atOnce = await pass(hour);
    assert.ok(atOnce <= 1, `${atOnce} within an hour of ${step / hour} h`);
    // Each night has its own again.
    assert.ok((await pass(2 * day)) >= 2, `after ${step / hour} h`);
  }
  assert.deepEqual(alerts, []);
});

test("a clock that was ahead at the start and is put right holds no backup up", async (t) => {
  const databases = openDatabases(temporaryFolder(t));
  t.after(() => databases.close());
  const history = openBackupHistory(openHostDatabase(databases));
  let time = new Date(2026, 10, 22, 12).getTime();
  let runs = 0;
  const schedule = startSchedule({
    time: "03:30",
    history,
    async run() {
      runs += 1;
      await Promise.reject(new Error("nothing is noted, as on a full disk"));
    },
    alerts: { raise: () => {}, clear: () => {} },
    log: createLog({ level: "error", now: () => time, write: () => {} }),
    now: () => time,
  });
  t.after(() => schedule.close());
  time -= 30 * day;
  await schedule.tick();
  time += 11 * minute;
  await schedule.tick();
  assert.equal(runs, 1);
  for (let gone = 0; gone < 50; gone += 1) {
    time += minute;
    await schedule.tick();
  }
  assert.equal(runs, 1, "not each minute");
  time += 10 * minute;
  await schedule.tick();
  assert.equal(runs, 2);
});

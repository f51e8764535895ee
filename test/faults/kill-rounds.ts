import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { freePort, startOriginProcess } from "../support/origin-process.ts";
import { type Answer, createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { halfWrittenKeys, type KeyReport, startKeyTraffic } from "./key-traffic.ts";

/** What the server acknowledged; all of it must outlive every kill. */
export interface KillReport {
  kills: number;
  events: number;
  registrations: number;
  sessions: number;
  /** Sends whose answer was lost to a kill, and which were repeated with the same transaction id. */
  repeated: number;
  keys: KeyReport;
}

interface Writer {
  name: string;
  token: string;
  roomId: string;
  next: number;
  /** The next message was sent before, and its answer did not come. */
  unsure: boolean;
  /** Body of each acknowledged event, by event id. */
  acknowledged: Map<string, string>;
}

const burrow = fileURLToPath(new URL("../../bin/burrow", import.meta.url));
const run = promisify(execFile);
const usesOfAnInvite = 1000;
const password = "a password for the kill test";

/**
 * Kills the origin with SIGKILL at a random moment of each round while several clients write: messages in shared
 * and own rooms, state, registrations, sign-ins, keys, messages between devices. After each restart everything that was acknowledged must be there,
 * a repeated transaction must not make a second event, and the tables must agree with each other.
 */
export async function runKillRounds(options: {
  rounds: number;
  seed: number;
  progress?: (round: number, report: KillReport) => void;
}): Promise<KillReport> {
  const random = seededRandom(options.seed);
  const dataDir = await mkdtemp(join(tmpdir(), "burrow-kill-"));
  try {
    const port = await freePort();
    const start = () =>
      startOriginProcess({ dataDir, port, env: { NODE_COMPILE_CACHE: join(dataDir, "compiled") } });
    let origin = await start();
    const client = createSignedClient({
      origin: origin.url,
      edgeKey: origin.edgeKey,
      host: "burrow.localhost",
    });
    const owner = run(burrow, ["--data", dataDir, "owner", "create", "dora", "--password-stdin"]);
    owner.child.stdin?.end("the owner's long password\n");
    await owner;
    const invites: string[] = [];
    for (let index = 0; index * usesOfAnInvite < 40 + options.rounds * 20; index += 1) {
      const args = ["--data", dataDir, "--json", "invite", "create", "--uses", String(usesOfAnInvite)];
      invites.push((JSON.parse((await run(burrow, args)).stdout) as { token: string }).token);
    }
    const writers = await setUp(client, invites[0]!);
    const [ada, ben, cleo] = writers.map((writer) => writer.token) as [string, string, string];
    const keys = await startKeyTraffic(client, [ada, ben, cleo]);
    const report: KillReport = {
      kills: 0,
      events: 0,
      registrations: 0,
      sessions: 0,
      repeated: 0,
      keys: keys.report,
    };
    const registered = new Set<string>(writers.map((writer) => writer.name));
    const sessions = new Set<string>();
    let person = 0;

    for (let round = 1; round <= options.rounds; round += 1) {
      const target = { alive: true };
      const firsts: Promise<void>[] = [];
      // An answer that does not come (the process is gone) is no acknowledgement; a wrong one is a finding.
      const attempt = async (work: () => Promise<void>): Promise<void> => {
        const first = Promise.withResolvers<void>();
        firsts.push(first.promise);
        try {
          while (target.alive) {
            await work().catch((error: unknown) => {
              if (error instanceof assert.AssertionError) throw error;
              target.alive = false;
            });
            first.resolve();
          }
        } finally {
          first.resolve();
        }
      };
      const work = [
        ...keys.work.map(attempt),
        ...writers.map((writer) =>
          attempt(async () => {
            await send(client, writer, report);
          }),
        ),
        attempt(async () => {
          const name = `person${(person += 1)}`;
          const answer = await register(client, name, invites[Math.floor((person + 10) / usesOfAnInvite)]!);
          assert.equal(answer.status, 200, answer.text);
          registered.add(name);
          sessions.add(String(answer.json()["access_token"]));
          report.registrations += 1;
        }),
        attempt(async () => {
          const answer = await signIn(client, writers[0]!.name);
          assert.equal(answer.status, 200, answer.text);
          sessions.add(String(answer.json()["access_token"]));
          report.sessions += 1;
        }),
      ];
      // However busy the machine is: before the first kill everything has been done once.
      if (round === 1) await Promise.all(firsts);
      await pause(20 + random() * 380);
      await origin.kill("SIGKILL");
      target.alive = false;
      await Promise.all(work);
      report.kills += 1;

      checkTables(dataDir);
      origin = await start();
      await checkAcknowledged(client, writers, sessions);
      await keys.check();
      options.progress?.(round, report);
    }
    for (const name of registered) await checkRegistered(client, name, dataDir);
    for (const writer of writers) await checkRoom(client, writer);
    client.close();
    await origin.kill("SIGTERM");
    assert.deepEqual(
      (await readdir(join(dataDir, "blobs"), { recursive: true })).filter((name) => name.includes("tmp")),
      [],
    );
    return report;
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function setUp(client: SignedClient, inviteToken: string): Promise<Writer[]> {
  const names = ["ada", "ben", "cleo"];
  const writers: Writer[] = [];
  for (const name of names) {
    const account = await register(client, name, inviteToken);
    assert.equal(account.status, 200, account.text);
    writers.push({
      name,
      token: String(account.json()["access_token"]),
      roomId: "",
      next: 0,
      unsure: false,
      acknowledged: new Map(),
    });
  }
  const [ada, ben, cleo] = writers as [Writer, Writer, Writer];
  for (const writer of [ada, cleo]) {
    const room = await client.request({
      method: "POST",
      path: "/_matrix/client/v3/createRoom",
      token: writer.token,
      body: { preset: "public_chat" },
    });
    assert.equal(room.status, 200, room.text);
    writer.roomId = String(room.json()["room_id"]);
  }
  const joined = await client.request({
    method: "POST",
    path: `/_matrix/client/v3/join/${encodeURIComponent(ada.roomId)}`,
    token: ben.token,
    body: {},
  });
  assert.equal(joined.status, 200, joined.text);
  ben.roomId = ada.roomId;
  return writers;
}

async function register(client: SignedClient, username: string, token: string): Promise<Answer> {
  const path = "/_matrix/client/v3/register";
  const request = { username, password };
  const asked = await client.request({ method: "POST", path, body: request });
  assert.equal(asked.status, 401, asked.text);
  const auth = { type: "m.login.registration_token", token, session: asked.json()["session"] };
  return client.request({ method: "POST", path, body: { ...request, auth } });
}

function signIn(client: SignedClient, user: string): Promise<Answer> {
  return client.request({
    method: "POST",
    path: "/_matrix/client/v3/login",
    body: { type: "m.login.password", identifier: { type: "m.id.user", user }, password },
  });
}

/** Sends the writer's next message; one whose answer was lost is sent again under the same transaction id. */
async function send(client: SignedClient, writer: Writer, report: KillReport): Promise<void> {
  const body = `${writer.name} ${writer.next}`;
  const repeated = writer.unsure;
  writer.unsure = true;
  const answer = await client.request({
    method: "PUT",
    path: `/_matrix/client/v3/rooms/${encodeURIComponent(writer.roomId)}/send/m.room.message/txn${writer.next}`,
    token: writer.token,
    body: { msgtype: "m.text", body },
  });
  assert.equal(answer.status, 200, answer.text);
  writer.acknowledged.set(String(answer.json()["event_id"]), body);
  writer.next += 1;
  writer.unsure = false;
  report.events += 1;
  if (repeated) report.repeated += 1;
}

async function checkAcknowledged(
  client: SignedClient,
  writers: Writer[],
  sessions: Set<string>,
): Promise<void> {
  for (const writer of writers) {
    for (const [eventId, body] of [...writer.acknowledged].slice(-40)) {
      const path = `/_matrix/client/v3/rooms/${encodeURIComponent(writer.roomId)}/event/${encodeURIComponent(eventId)}`;
      const answer = await client.request({ method: "GET", path, token: writer.token });
      assert.equal(answer.status, 200, `${eventId} was acknowledged: ${answer.text}`);
      assert.equal(answer.json<{ content: { body: string } }>().content.body, body);
    }
  }
  for (const token of [...sessions].slice(-20)) {
    const answer = await client.request({ method: "GET", path: "/_matrix/client/v3/account/whoami", token });
    assert.equal(answer.status, 200, "an acknowledged session is gone");
  }
}

/** Pages through the whole room: everything acknowledged, once each, and of the writer's own in order. */
async function checkRoom(client: SignedClient, writer: Writer): Promise<void> {
  const bodies: string[] = [];
  let from: string | undefined;
  do {
    const query = new URLSearchParams({ dir: "f", limit: "100", ...(from !== undefined && { from }) });
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(writer.roomId)}/messages?${query}`;
    const answer = await client.request({ method: "GET", path, token: writer.token });
    assert.equal(answer.status, 200, answer.text);
    const page = answer.json<{
      chunk: { type: string; content: { body?: string } }[];
      end?: string;
    }>();
    for (const event of page.chunk)
      if (event.type === "m.room.message") bodies.push(event.content.body ?? "");
    from = page.end;
  } while (from !== undefined);
  const own = bodies.filter((body) => body.startsWith(`${writer.name} `));
  // The last one may have been stored without its answer having arrived.
  const expected = Array.from({ length: own.length }, (_, index) => `${writer.name} ${index}`);
  assert.deepEqual(own, expected, "each message once, in order");
  assert.ok(own.length >= writer.next && own.length <= writer.next + 1);
}

async function checkRegistered(client: SignedClient, name: string, dataDir: string): Promise<void> {
  const database = openBetterSqlite3(join(dataDir, "databases", "members.db"));
  try {
    assert.ok(
      database.prepare("SELECT 1 FROM members WHERE name = ?").get(name),
      `${name} was registered and is gone`,
    );
  } finally {
    database.close();
  }
  if (name.endsWith("7")) assert.equal((await signIn(client, name)).status, 200);
}

/** The tables as the dead process left them: sound, and agreeing with each other. */
function checkTables(dataDir: string): void {
  for (const name of ["members", "matrix"]) {
    const database = openBetterSqlite3(join(dataDir, "databases", `${name}.db`));
    try {
      assert.deepEqual(database.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }]);
      assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), []);
      if (name !== "matrix") continue;
      for (const [what, sql] of Object.entries({ ...halfWritten, ...halfWrittenKeys })) {
        assert.deepEqual(database.prepare(sql).all(), [], `half-written: ${what}`);
      }
    } finally {
      database.close();
    }
  }
}

const halfWritten = {
  "a position above the mark": "SELECT so FROM events WHERE so > (SELECT position FROM stream)",
  "state without its event":
    "SELECT s.from_so FROM state s LEFT JOIN events e ON e.so = s.from_so AND e.room = s.room WHERE e.so IS NULL",
  "two current values of one piece of state":
    "SELECT room, type, state_key FROM state WHERE to_so IS NULL GROUP BY room, type, state_key HAVING count(*) > 1",
  "a state event that never took effect": `SELECT so FROM events e WHERE state_key IS NOT NULL AND NOT EXISTS
       (SELECT 1 FROM state s WHERE s.room = e.room AND s.type = e.type AND s.state_key = e.state_key AND s.from_so = e.so)`,
  "a membership that differs from the state": `SELECT m.user FROM memberships m WHERE NOT EXISTS
       (SELECT 1 FROM state s WHERE s.room = m.room AND s.type = 'm.room.member' AND s.state_key = m.user
         AND s.to_so IS NULL AND s.from_so = m.so)`,
  "a room without its creation, or a chain that is cut short": `SELECT r.nid FROM rooms r WHERE NOT EXISTS
       (SELECT 1 FROM state s WHERE s.room = r.nid AND s.type = 'm.room.history_visibility' AND s.to_so IS NULL)`,
  "a transaction note without its event": `SELECT txn_id FROM transactions t WHERE t.endpoint LIKE 'send/%' AND NOT EXISTS
       (SELECT 1 FROM events e WHERE e.event_id = json_extract(t.answer, '$.event_id'))`,
  "an event sent twice under one transaction id":
    "SELECT txn_id FROM events WHERE txn_id IS NOT NULL GROUP BY room, sender, sender_device, type, txn_id HAVING count(*) > 1",
} satisfies Record<string, string>;

/** A small generator with a seed (mulberry32), so that a failing run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

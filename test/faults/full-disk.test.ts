/** A disk without room: nothing acknowledged is lost, reading goes on, and room is all it takes to mend it. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { writeSecret } from "../../origin/config/secrets.ts";
import { beginEdgeKey } from "../../origin/config/rotate-secret.ts";
import { saveSettings } from "../../origin/config/save-settings.ts";
import { openNonces } from "../../origin/http/nonces.ts";
import { diskFaultOf } from "../../origin/storage/disk-fault.ts";
import { openBlobStore } from "../../origin/storage/blobs.ts";
import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { fingerprint } from "../host/backup/data-folder.ts";
import { ownerPassword } from "../members/open-members.ts";
import { freePort, type OriginProcess, startOriginProcess } from "../support/origin-process.ts";
import { runBurrow } from "../support/run-burrow.ts";
import { type Answer, createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const v3 = "/_matrix/client/v3";

/** A server on the disk, claimed, with its owner signed in and a room. */
async function openServer(t: TestContext, disk: SmallDisk) {
  const log: string[] = [];
  const port = await freePort();
  const dataDir = join(disk.path, "data");
  const start = () =>
    startOriginProcess({ dataDir, port, within: disk.within, onLog: (text) => log.push(text) });
  let origin: OriginProcess = await start();
  t.after(() => origin.kill("SIGKILL"));
  const client: SignedClient = createSignedClient({
    origin: origin.url,
    edgeKey: origin.edgeKey,
    host: "127.0.0.1",
  });
  t.after(() => client.close());
  const claimed = await client.request({
    method: "POST",
    path: "/setup",
    body: new URLSearchParams({
      token: origin.setupToken ?? "",
      name: "dora",
      password: ownerPassword,
    }).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded", origin: "https://127.0.0.1" },
  });
  assert.equal(claimed.status, 201, claimed.text);
  const signIn = () => {
    const identifier = { type: "m.id.user", user: "dora" };
    const body = { type: "m.login.password", identifier, password: ownerPassword };
    return client.request({ method: "POST", path: `${v3}/login`, body });
  };
  const token = String((await signIn()).json()["access_token"]);
  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    client.request({ method, path: `${v3}${path}`, token, body });
  const room = encodeURIComponent(String((await ask("POST", "/createRoom", {})).json()["room_id"]));
  return {
    log,
    ask,
    room,
    signIn,
    send: (number: number) =>
      ask("PUT", `/rooms/${room}/send/m.room.message/t${number}`, {
        msgtype: "m.text",
        body: `message ${number}`,
      }),
    /** The bodies of all messages, the oldest first. */
    read: async (): Promise<string[]> => {
      const page = await ask("GET", `/rooms/${room}/messages?dir=f&limit=1000`);
      assert.equal(page.status, 200, page.text);
      const { chunk } = page.json<{ chunk: { type: string; content: { body: string } }[] }>();
      return chunk.filter(({ type }) => type === "m.room.message").map(({ content }) => content.body);
    },
    async killAndStart() {
      await origin.kill("SIGKILL");
      checkDatabases(t, join(disk.seen, "data"));
      origin = await start();
      // Nonces that the disk did not take make what was signed up to this second stale (E1).
      while ((await ask("GET", "/account/whoami")).status === 401) await setTimeout(100);
    },
  };
}

/** On a copy: the dead process's databases with their logs, as the next start will find them. */
function checkDatabases(t: TestContext, dataDir: string): void {
  const copy = join(temporaryFolder(t), "databases");
  cpSync(join(dataDir, "databases"), copy, { recursive: true });
  for (const name of readdirSync(copy).filter((file) => file.endsWith(".db"))) {
    const database = openBetterSqlite3(join(copy, name));
    assert.deepEqual(database.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }], name);
    assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), [], name);
    database.close();
  }
}

const bodies = (count: number): string[] => Array.from({ length: count }, (_, at) => `message ${at}`);

test("a full disk refuses writes in words, loses nothing, and works again as soon as there is room", {
  timeout: 60_000,
}, async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 16_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const server = await openServer(t, disk);
  const { ask, send, read, room, log } = server;
  let kept = 0;
  for (; kept < 5; kept += 1) assert.equal((await send(kept)).status, 200);
  const { next_batch: since } = (await ask("GET", "/sync")).json();

  disk.fill();
  let answer = await send(kept);
  // What the files' last pages still hold is taken.
  for (; answer.status === 200 && kept < 500; answer = await send(kept)) kept += 1;
  assert.equal(answer.status, 507, answer.text);
  const { errcode, error, admin_contact: contact } = answer.json();
  assert.equal(errcode, "M_RESOURCE_LIMIT_EXCEEDED");
  assert.match(String(error), /disk of this server is full.*later/);
  assert.equal(contact, "https://matrix.to/#/@dora:burrow.localhost");

  const linesBefore = log.join("").split("\n").length;
  const refused = await Promise.all([
    ...Array.from({ length: 40 }, () => send(kept)),
    ask("PUT", `/rooms/${room}/state/m.room.topic`, { topic: "t".repeat(5000) }),
    ask("PUT", "/user/@dora:burrow.localhost/account_data/org.example", { text: "t".repeat(5000) }),
    ask("POST", "/createRoom", {}),
    server.signIn(),
  ]);
  for (const { status, text } of refused) {
    assert.ok(status === 507 || status === 503, text);
    assert.doesNotMatch(text, /at .*:\d+|SQLITE|ENOSPC/);
  }
  assert.ok(log.join("").split("\n").length - linesBefore < 5, log.join(""));

  assert.deepEqual(await read(), bodies(kept));
  const synced = await ask("GET", `/sync?since=${String(since)}`);
  assert.equal(synced.status, 200, synced.text);
  assert.equal((await ask("GET", "/sync")).status, 200);
  assert.equal((await ask("GET", "/account/whoami")).status, 200);

  disk.free();
  // The client sends again what was refused, under the same transaction id.
  const repeated = await send(kept);
  assert.equal(repeated.status, 200, repeated.text);
  assert.equal((await send(kept)).text, repeated.text);
  kept += 1;
  assert.deepEqual(await read(), bodies(kept));
  const news = (await ask("GET", `/sync?since=${String(synced.json()["next_batch"])}`)).text;
  assert.equal(news.split(String(repeated.json()["event_id"])).length, 2);

  disk.fill();
  for (answer = await send(kept); answer.status === 200 && kept < 500; answer = await send(kept)) kept += 1;
  assert.equal(answer.status, 507, answer.text);
  await server.killAndStart();
  assert.deepEqual(await read(), bodies(kept));
  assert.equal((await ask("GET", "/sync")).status, 200);
  disk.free();
  const again = await send(kept);
  assert.equal(again.status, 200, again.text);
  assert.deepEqual(await read(), bodies(kept + 1));
});

test("settings, secrets and blobs are whole or as they were, whatever room there is", async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 4_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const dataDir = join(disk.path, "data");
  const init = ["--data", dataDir, "init", "--server-name", "example.org"];
  const made = await runBurrow(init, { within: disk.within });
  assert.equal(made.code, 0, made.stderr);
  const seen = join(disk.seen, "data");
  const settings = join(seen, "burrow.toml");
  // Longer than a page: the half that fits would still be read without complaint.
  writeFileSync(
    settings,
    `server_name = "example.org"\n${`# ${"-".repeat(76)}\n`.repeat(100)}[log]\nlevel = "warn"\n`,
  );
  const blobs = openBlobStore(join(seen, "blobs"));
  const before = fingerprint(seen);
  const full = (error: unknown): boolean => diskFaultOf(error) === "full";
  for (const leave of [0, 4096]) {
    disk.fill(leave);
    assert.throws(() => saveSettings(seen, { "log.level": "debug" }), full, `${leave} bytes`);
    assert.throws(() => writeSecret(seen, "s3-secret", "s".repeat(5000)), full, `${leave} bytes`);
    await assert.rejects(blobs.put(Buffer.alloc(20_000, 1), { limit: 100_000 }), full, `${leave} bytes`);
    assert.deepEqual(fingerprint(seen), before, `${leave} bytes`);
    disk.free();
  }
  disk.fill();
  assert.throws(() => beginEdgeKey(seen), full);
  const set = await runBurrow(["--data", dataDir, "config", "set", "log.level", "debug"], {
    within: disk.within,
  });
  assert.equal(set.code, 1);
  assert.match(set.stderr, /The disk is full: nothing of this was kept. Make room/);
  assert.doesNotMatch(set.stderr, /mistake in Burrow|\n\s+at /);
  assert.deepEqual(fingerprint(seen), before);
  disk.free();
  assert.deepEqual(saveSettings(seen, { "log.level": "debug" }), ["log.level"]);
  const stored = await blobs.put(Buffer.alloc(20_000, 1), { limit: 100_000 });
  assert.equal(await blobs.size(stored.hash), 20_000);
});

test("a request is accepted once on a full disk too, and after a start on one", async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 1_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  let seconds = 1_800_000_000;
  const open = () =>
    openNonces({ folder: join(disk.seen, "nonces"), now: () => seconds * 1000, bootId: () => "this boot" });
  const nonce = (number: number): string => String(number).padStart(22, "A");
  const first = open();
  disk.fill();
  // More than the files' last pages hold.
  for (let number = 0; number < 300; number += 1) {
    assert.equal(first.remember(nonce(number), seconds), "fresh");
    assert.equal(first.remember(nonce(number), seconds), "replayed");
  }
  first.close();
  for (let start = 0; start < 2; start += 1) {
    const again = open();
    for (let number = 0; number < 300; number += 1) {
      assert.notEqual(again.remember(nonce(number), 1_800_000_000), "fresh", `${number}, start ${start}`);
    }
    seconds += 1;
    assert.equal(again.remember(nonce(1000 + start), seconds), "fresh");
    again.close();
  }
});

/** Backups in a bucket: R2 as workerd has it, which checks every signature and every body's hash. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startEdge, type RunningEdge } from "../../origin/cli/dev/edge-process.ts";
import { checkDataFolder } from "../../origin/config/data-folder.ts";
import { readConfig } from "../../origin/config/read-config.ts";
import { writeSecret } from "../../origin/config/secrets.ts";
import { exportIdentity, readIdentity } from "../../origin/host/backup/backup-keys.ts";
import { restoreFromBucket } from "../../origin/host/backup/restore-from-bucket.ts";
import { type BucketTarget, packPath } from "../../origin/host/backup/target.ts";
import { type BackupOutbound, openS3Target } from "../../origin/host/backup/target-s3.ts";
import { createLog } from "../../origin/host/log.ts";
import { OutboundError } from "../../origin/host/outbound/outbound-error.ts";
import { createOutbound, type Outbound } from "../../origin/host/outbound/outbound.ts";
import { knownDatabases } from "../../origin/known-databases.ts";
import {
  type DataFolder,
  fault,
  fingerprint,
  makeServerFolder,
  memberNames,
  sharedWorker,
} from "../host/backup/data-folder.ts";
import { ownerPassword } from "../members/open-members.ts";
import { type Outcome, projectRoot, runBurrow } from "../support/run-burrow.ts";
import { runCommand } from "../support/run-command.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

type Cleanup = Parameters<typeof temporaryFolder>[0];

const keyId = "burrow-test";
const secret = randomBytes(20).toString("hex");
const cleanups: (() => unknown)[] = [];
const closed: { outbound?: Outbound } = {};
let edge: RunningEdge;
let bucket: string;
let root: string;

before(async () => {
  root = temporaryFolder({ after: (work) => cleanups.push(work) });
  edge = await startEdge({
    root: projectRoot,
    origin: "127.0.0.1:9",
    edgeKey: `k1.${randomBytes(32).toString("base64url")}`,
    hosts: "127.0.0.1=apex",
    port: 0,
    persistDir: join(root, "edge"),
    mailS3: { bucket: "backups", accessKeyId: keyId, secretAccessKey: secret },
  });
  bucket = `${edge.url}/cdn-cgi/local/r2/s3/backups`;
});

after(async () => {
  await closed.outbound?.close();
  await edge.stop();
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const settings = (): string =>
  `[backup]\ns3_url = "${bucket}"\ns3_key_id = "${keyId}"\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n`;

/** A server folder of this name whose target is the bucket, with as many packs there as blobs. */
async function backedUp(
  t: Cleanup,
  name: string,
  blobs = 3,
): Promise<DataFolder & { identity: string; archive: string; target: BucketTarget; packs: string[] }> {
  const dataDir = join(root, name);
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, "burrow.toml"), `server_name = "example.org"\n${settings()}`);
  const outbound = (closed.outbound ??= createOutbound({
    config: readConfig({ dataDir, environment: {} }),
    log: createLog({ level: "error", now: Date.now, write: () => {} }),
    now: Date.now,
  }));
  const server = makeServerFolder(dataDir, { settings: settings(), outbound });
  t.after(() => server.close());
  writeSecret(dataDir, "s3-secret", secret);
  const target = openBucket(outbound);
  // Each test begins with a bucket of its own.
  for (const old of await target.list()) await target.remove(old.name);
  await server.addMember("ada");
  let archive = "";
  for (let at = 0; at < blobs; at += 1) {
    await server.blobs.put(randomBytes(300_000), { limit: 1_000_000 });
    archive = (await server.backups.create()).name;
  }
  const identity = join(root, `${name}-identity.txt`);
  exportIdentity(dataDir, identity);
  const packs: string[] = [];
  for await (const hash of (await target.packs(readIdentity(identity).instance)).all()) packs.push(hash);
  return { ...server, identity, archive, target, packs };
}

function openBucket(outbound: BackupOutbound): BucketTarget {
  const all = { url: bucket, region: "auto", keyId, secret };
  return openS3Target({ settings: all, serverName: undefined, incoming: root, outbound });
}

const ofBucket = (): string[] => ["--bucket", bucket, "--key-id", keyId, "--secret-stdin"];

/** The command line on a data folder, with the secret on its standard input. */
const backup = (dataDir: string, args: readonly string[], input = `${secret}\n`): Promise<Outcome> =>
  runCommand(["--data", dataDir, "--json", "backup", ...args], input);

const blobsOf = (dataDir: string): Map<string, string> =>
  fingerprint(dataDir, (path) => path.startsWith("blobs/"));

/** Overwrites an object, as somebody with the bucket's key can. */
async function putObject(target: BucketTarget, key: string, bytes: Uint8Array): Promise<void> {
  const file = join(root, randomBytes(8).toString("hex"));
  writeFileSync(file, bytes);
  await target.putArchive(key, file, createHash("sha256").update(bytes).digest("hex"));
}

async function readObject(target: BucketTarget, key: string): Promise<Buffer> {
  const object = await target.open(key);
  return Buffer.from(await object.read(0, object.size));
}

async function changeObject(target: BucketTarget, key: string): Promise<void> {
  const bytes = await readObject(target, key);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  await putObject(target, key, bytes);
}

/** Notes what is asked for, as `METHOD last-part-of-the-path range`; `meddle` may change an answer. */
function watch(meddle: (asked: string, answer: Response) => Response = (_, answer) => answer) {
  const asked: string[] = [];
  const outbound: BackupOutbound = {
    async fetch(purpose, url, init) {
      const range = new Headers(init?.headers).get("range") ?? "";
      const request = `${init?.method} ${new URL(url).pathname.split("/").at(-1)} ${range}`;
      asked.push(request);
      assert.ok(closed.outbound);
      return meddle(request, await closed.outbound.fetch(purpose, url, init));
    },
  };
  return { asked, target: openBucket(outbound) };
}

function restoreWatched(
  dataDir: string,
  identityFile: string,
  target: BucketTarget,
  more: { freeBytes?: () => Promise<number> } = {},
) {
  const parts = { databases: knownDatabases, worker: sharedWorker(), now: Date.now, write: true };
  return restoreFromBucket({ dataDir, identityFile, target, name: "latest", ...parts, ...more });
}

test("a lost server comes back on an empty machine by one command, after a trial", async (t) => {
  const dataDir = join(root, "lost");
  const home = await startTestOrigin({ dataDir });
  t.after(() => home.close());
  const open = ({ facts }: typeof home) => {
    const client = createSignedClient({
      origin: facts.url,
      edgeKey: facts.edgeKey,
      host: "burrow.localhost",
    });
    t.after(() => client.close());
    return client;
  };
  const api = "/_matrix/client/v3/";
  const identifier = { type: "m.id.user", user: "ada" };
  const login = { type: "m.login.password", identifier, password: ownerPassword };
  const client = open(home);
  await home.origin.members.createOwner({ name: "ada", password: ownerPassword });
  const session = await client.request({ method: "POST", path: `${api}login`, body: login });
  const { access_token: token } = session.json<{ access_token: string }>();
  const toml = join(dataDir, "burrow.toml");
  writeFileSync(toml, `${readFileSync(toml, "utf8")}${settings()}`);
  writeSecret(dataDir, "s3-secret", secret);
  const made = (await backup(dataDir, ["create"])).json<{ path: string }>();
  const identity = join(root, "lost-identity.txt");
  await backup(dataDir, ["export-identity", identity]);
  client.close();
  await home.close();

  const fresh = join(root, "empty machine");
  const listed = (await backup(fresh, ["list", ...ofBucket()])).json<{ archives: { name: string }[] }>();
  assert.deepEqual(
    listed.archives.map(({ name }) => `${bucket}/${name}`),
    [made.path],
  );
  const verified = await backup(fresh, ["verify", "latest", "--identity", identity, ...ofBucket()]);
  assert.equal(verified.json()["ok"], true);
  assert.equal(existsSync(fresh), false, "to look needs no data folder");

  // As a person does it, in a process of its own.
  const restore = ["backup", "restore", "latest", "--identity", identity, ...ofBucket()];
  const trial = await runBurrow(["--data", fresh, ...restore], { input: secret });
  assert.equal(trial.code, 0, trial.stderr);
  assert.match(trial.stdout, /Nothing was changed.*all of the backup is good/);
  assert.deepEqual(readdirSync(fresh), ["backup-work"]);
  const done = await runBurrow(["--data", fresh, "--json", ...restore, "--yes"], { input: secret });
  assert.equal(done.code, 0, done.stderr);
  assert.equal(done.json()["written"], true);
  assert.deepEqual(readdirSync(join(fresh, "backup-work")), ["lock.db"], "what was fetched is gone");
  const same = (path: string): boolean => /^(?:burrow\.toml|secrets\/|blobs\/)/.test(path);
  assert.deepEqual(fingerprint(fresh, same), fingerprint(dataDir, same));

  const again = await startTestOrigin({ dataDir: fresh });
  t.after(() => again.close());
  const other = open(again);
  const refused = await other.request({ method: "GET", path: `${api}account/whoami`, token });
  assert.equal(refused.status, 401);
  const welcome = await other.request({ method: "POST", path: `${api}login`, body: login });
  assert.equal(welcome.status, 200);
});

test("a server that knows its bucket needs only the name, or `latest`; nothing stays on the device", async (t) => {
  const { dataDir, backups, archive, identity, ...server } = await backedUp(t, "known");
  assert.equal((await backups.list()).target, bucket);
  assert.equal(existsSync(join(dataDir, "backups")), false);
  const drilled = await backups.drill();
  assert.deepEqual([drilled.databases, drilled.packs, drilled.packsCompared], [2, 3, 3]);
  assert.deepEqual(readdirSync(join(dataDir, "backup-work")), ["lock.db"]);
  assert.equal((await backup(dataDir, ["verify", archive])).json()["archive"], archive);
  const kept = blobsOf(dataDir);
  await server.addMember("ben");
  await server.close();
  const trial = (await backup(dataDir, ["restore", archive, "--identity", identity])).json();
  assert.deepEqual([trial["written"], trial["blobs"]], [false, 3]);
  assert.deepEqual(await memberNames(dataDir), ["ada", "ben"]);
  const done = (await backup(dataDir, ["restore", "latest", "--identity", identity, "--yes"])).json();
  assert.equal(done["archive"], drilled.archive.name);
  assert.deepEqual(await memberNames(dataDir), ["ada"]);
  assert.deepEqual(blobsOf(dataDir), kept);
});

test("what is wrong is said, typed, and nothing is there afterwards", async (t) => {
  const { identity, archive } = await backedUp(t, "errors", 1);
  const fresh = join(root, "errors-fresh");
  const args = (name: string): string[] => ["restore", name, "--identity", identity];
  const message = async (words: readonly string[], input?: string): Promise<string> => {
    const outcome = await backup(fresh, words, input);
    assert.notEqual(outcome.code, 0);
    assert.ok(!outcome.stdout.includes(secret));
    return String(outcome.json()["message"]);
  };
  // It is tried some times, meanwhile the others.
  const nowhere = ["--bucket", "http://127.0.0.1:9/backups", "--key-id", keyId, "--secret-stdin"];
  const unreachable = message(["list", ...nowhere]);
  assert.match(
    await message([...args("latest"), ...ofBucket()], "not the secret at all"),
    /does not take the key.*403 SignatureDoesNotMatch/,
  );
  const none = await message([...args(archive.replace("-000001", "-000009")), ...ofBucket()]);
  assert.ok(none.includes(`The newest there are: ${archive}.`), none);
  assert.match(
    await message([...args(archive), "--bucket", "http://example.org/b", "--key-id", "a"]),
    /https/,
  );
  assert.match(await message([...args(archive), "--bucket", bucket, "--key-id", keyId]), /--secret-stdin/);
  assert.match(await message([...args(archive), "--key-id", keyId]), /Name the bucket/);
  assert.match(await message(args(archive)), /no file .* says where the backups are/);
  assert.match(await unreachable, /cannot be reached/);

  // Another line of keys for the same server.
  const stranger = makeServerFolder(join(root, "stranger"));
  t.after(() => stranger.close());
  await stranger.backups.create({ to: join(root, "stranger-target") });
  const wrong = join(root, "wrong-identity.txt");
  exportIdentity(stranger.dataDir, wrong);
  assert.match(
    await message(["restore", archive, "--identity", wrong, ...ofBucket()]),
    /signature does not fit/,
  );

  const { asked, target } = watch();
  const little = restoreWatched(fresh, identity, target, { freeBytes: () => Promise.resolve(1_000_000) });
  await assert.rejects(little, fault("full"));
  assert.ok(
    !asked.some((line) => line.startsWith("GET") && line.includes(".age")),
    "before anything is fetched",
  );
  assert.deepEqual(
    readdirSync(fresh).filter((name) => name !== "lock.db"),
    ["backup-work"],
  );
});

test("several servers share a bucket: `latest` is the newest of the identity's own", async (t) => {
  const { identity, archive, target } = await backedUp(t, "shared", 1);
  const bytes = await readObject(target, archive);
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
  await putObject(target, archive.replace("example.org", "another.example"), bytes);
  const fresh = join(root, "shared-fresh");
  const found = await backup(fresh, ["verify", "latest", "--identity", identity, ...ofBucket()]);
  assert.equal(found.json()["archive"], archive);
  // A changed newest backup is told of, and no older one taken for it.
  await changeObject(target, archive);
  const newest = archive.replace("-000001", "-000002");
  await target.remove(archive.replace("example.org", "another.example"));
  await putObject(target, newest, bytes);
  assert.equal((await backup(fresh, ["verify", "latest", "--identity", identity, ...ofBucket()])).code, 1);
});

test("a pack that is missing or was changed at the bucket is refused, and the live data stay as they are", async (t) => {
  const { dataDir, identity, target, packs, backups, ...server } = await backedUp(t, "tampered");
  const { instance } = readIdentity(identity);
  const key = packPath(instance, packs[1] ?? "");
  const good = await readObject(target, key);
  await changeObject(target, key);
  await assert.rejects(backups.drill(), fault("tampered"), "the drill finds it");
  const run = ["restore", "latest", "--identity", identity, "--yes"];
  await server.close();
  const live = (path: string): boolean => !/^(?:backup-work|lock\.db)/.test(path);
  const untouched = fingerprint(dataDir, live);
  const verified = await backup(dataDir, ["verify", "latest"]);
  assert.match(String(verified.json()["message"]), new RegExp(`${packs[1]}.age in the bucket was changed`));
  const refused = await backup(dataDir, run);
  assert.match(String(refused.json()["message"]), /was changed/);
  assert.deepEqual(fingerprint(dataDir, live), untouched);

  await target.removePack(instance, packs[1] ?? "");
  const { asked, target: watched } = watch();
  await assert.rejects(restoreWatched(dataDir, identity, watched), fault("missing"));
  assert.ok(!asked.some((line) => line.includes(".age")), "known before anything is fetched");
  const said = String((await backup(dataDir, run)).json()["message"]);
  assert.match(said, /1 of this backup's 3 packs are not in/);
  assert.deepEqual(fingerprint(dataDir, live), untouched);

  await putObject(target, key, good);
  assert.equal((await backup(dataDir, run)).code, 0, "put back, it is good again");
});

test("what was fetched before it broke off is taken up, compared, and not asked for again", async (t) => {
  const { dataDir, identity, packs } = await backedUp(t, "resumed");
  const fresh = join(root, "resumed-fresh");
  /** After some bytes of this pack the line is dead; once the other two are on their way. */
  function dies(name: string): BucketTarget {
    const others = Promise.withResolvers<void>();
    const { asked, target } = watch((request, answer) => {
      const packsAsked = asked.filter((line) => /^GET \w+\.age/.test(line));
      if (packsAsked.length === 3) others.resolve();
      if (!request.startsWith(`GET ${name}.age`)) return answer;
      let sent = 0;
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        async transform(piece, controller) {
          await others.promise;
          if (sent > 0) return controller.error(new OutboundError("aborted"));
          controller.enqueue(piece.subarray(0, 1000));
          sent += 1000;
        },
      });
      return new Response(answer.body?.pipeThrough(cut), { status: answer.status, headers: answer.headers });
    });
    return target;
  }
  const [first = "", second = "", third = ""] = packs.toSorted();
  await assert.rejects(restoreWatched(fresh, identity, dies(second)), fault("unusable"));
  const fetched = join(fresh, "backup-work", "fetched");
  const partOf = (name: string): string =>
    join(fetched, `${packPath(readIdentity(identity).instance, name)}.part`);
  assert.equal(readFileSync(partOf(second)).length, 1000);
  // A whole one that rotted meanwhile, and something of another backup.
  const whole = partOf(first).slice(0, -5);
  writeFileSync(whole, Buffer.alloc(readFileSync(whole).length));
  writeFileSync(join(fetched, "old-20260101T000000Z-000001.burrow-backup"), "x");

  const { asked, target } = watch();
  const report = await restoreWatched(fresh, identity, target);
  assert.equal(report.blobs, 3);
  const ranges = (name: string): string[] =>
    asked.filter((line) => line.startsWith(`GET ${name}.age`)).map((line) => line.split("bytes=")[1] ?? "");
  assert.deepEqual(ranges(third), [], "it was there");
  assert.match(ranges(second).join(), /^1000-\d+$/);
  assert.match(ranges(first).join(), /^0-\d+$/);
  assert.deepEqual(blobsOf(fresh), blobsOf(dataDir));
  assert.deepEqual(readdirSync(join(fresh, "backup-work")), ["lock.db"]);
});

test("killed at any moment it leaves the old data or the new, and goes on from there", async (t) => {
  const { dataDir, identity, ...server } = await backedUp(t, "killed");
  const kept = blobsOf(dataDir);
  await server.addMember("ben");
  await server.blobs.put(randomBytes(1000), { limit: 1000 });
  await server.close();
  const child = fileURLToPath(new URL("restore-bucket-child.ts", import.meta.url));
  /** False when it was killed at that step. */
  const runUntil = async (step: string): Promise<boolean> => {
    const running = spawn(process.execPath, [child, dataDir, step, identity, bucket, keyId], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, BUCKET_SECRET: secret, NODE_COMPILE_CACHE: join(root, "compiled") },
    });
    const [code, signal] = (await once(running, "exit")) as [number | null, string | null];
    return signal === null && code === 0;
  };
  const live = (path: string): boolean => /^(?:burrow\.toml|secrets|blobs|databases\/\w+\.db$)/.test(path);
  const old = fingerprint(dataDir, live);
  for (const step of ["answer 3", "answer 10", "fetched", "prepared"]) {
    assert.equal(await runUntil(step), false, step);
    checkDataFolder(dataDir);
    assert.deepEqual(fingerprint(dataDir, live), old, step);
  }
  assert.equal(await runUntil("decided"), false);
  checkDataFolder(dataDir);
  assert.deepEqual(blobsOf(dataDir), kept);
  assert.deepEqual(await memberNames(dataDir), ["ada"]);
  assert.equal(await runUntil("never"), true);
  assert.deepEqual(readdirSync(join(dataDir, "backup-work")), ["lock.db"]);
});

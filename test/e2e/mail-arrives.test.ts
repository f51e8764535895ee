/**
 * R1 to R3: what comes by the real Worker goes through workerd's own R2, whose S3 interface checks every signature, into
 * the member's mailbox.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AwsClient } from "aws4fetch";

import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { gateVariables } from "../../origin/config/gate-variables.ts";
import { configFile, readConfig } from "../../origin/config/read-config.ts";
import { createSecrets, readEdgeKeys } from "../../origin/config/secrets.ts";
import { formatHostTable } from "../../shared/hosts.ts";
import { openMailHouse, type Program } from "../apps/mail/jmap/house.ts";
import { freePort } from "../support/origin-process.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const keyId = "burrow-test";
const secret = randomBytes(20).toString("hex");
const bucketName = "arriving";
const folder = temporaryFolder({ after });
const dataDir = join(folder, "data");

const cleanups: (() => unknown)[] = [];
let edge: RunningEdge;
let house: Awaited<ReturnType<typeof openMailHouse>>;
let originPort: number;
let edgePort: number;
let ada: Program;
let ben: Program;

/** Made by hand, since the edge is to be there before the origin looks into its bucket. */
function makeFolder(): void {
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  writeFileSync(
    configFile(dataDir),
    `mode = "development"
server_name = "burrow.localhost"
[mail]
bucket_url = "${bucket()}"
bucket_key_id = "${keyId}"
unknown_recipients = "refuse"
refused_addresses = ["old@burrow.localhost"]
`,
  );
}

async function openHouse(bucketSecret: string): Promise<void> {
  house = await openMailHouse(
    { after: (work) => cleanups.push(work) },
    {
      dataDir,
      port: originPort,
      mailBucketSecret: bucketSecret,
      write: () => {},
    },
  );
}

before(async () => {
  [originPort, edgePort] = [await freePort(), await freePort()];
  makeFolder();
  const config = readConfig({ dataDir, environment: {} });
  edge = await startEdge({
    root: projectRoot,
    origin: `127.0.0.1:${originPort}`,
    edgeKey: readEdgeKeys(dataDir)[0] ?? "",
    hosts: formatHostTable(config.hosts),
    port: edgePort,
    persistDir: join(folder, "edge"),
    mailS3: { bucket: bucketName, accessKeyId: keyId, secretAccessKey: secret },
    vars: gateVariables(config),
  });
  await openHouse(secret);
  ada = await house.program("ada");
  ben = await house.program("ben");
});

after(async () => {
  await edge.stop();
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const s3 = new AwsClient({ accessKeyId: keyId, secretAccessKey: secret, service: "s3", region: "auto" });
const bucket = (): string => `http://127.0.0.1:${edgePort}/cdn-cgi/local/r2/s3/${bucketName}`;

async function objects(): Promise<string[]> {
  const text = await (await s3.fetch(`${bucket()}?list-type=2`)).text();
  return [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = ""]) => key);
}

const message = (subject: string): string =>
  `Message-ID: <${randomBytes(8).toString("hex")}@example.org>\r\nFrom: joerg@example.org\r\nSubject: ${subject}\r\n\r\nhello\r\n`;

/** Hands a message to the Worker as Email Routing does; what it says to the sender's server. */
async function send(to: string, raw = message("hello")): Promise<{ status: number; said: string }> {
  const query = new URLSearchParams({ from: "jörg@example.org", to });
  const url = `${edge.url}/cdn-cgi/local/email?${query.toString()}`;
  const answer = await fetch(url, { method: "POST", body: raw });
  return { status: answer.status, said: await answer.text() };
}

const burrow = (...words: string[]) => runCommand(["--data", dataDir, "--json", "mail", ...words]);

async function subjects(program: Program): Promise<string[]> {
  const { ids } = await program.call("Email/query", { sort: [{ property: "receivedAt" }] });
  const { list } = await program.call("Email/get", { ids, properties: ["subject"] });
  return list.map(({ subject }: { subject: string }) => subject);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let wait = 0; wait < 400 && !(await condition()); wait += 1) await pause(25);
}

test("a message comes into the inbox of whom it is for, byte by byte, and leaves the bucket; the edge wakes the origin", async () => {
  const raw = message("f\u00fcr dich".normalize("NFC"));
  assert.equal((await send("BEN+shop@burrow.localhost", raw)).status, 200);
  await until(async () => (await subjects(ben)).length === 1);
  const { list: mailboxes } = await ben.call("Mailbox/get");
  const inbox = mailboxes.find(({ role }: { role: string }) => role === "inbox");
  const { ids } = await ben.call("Email/query", { filter: { inMailbox: inbox.id } });
  const { list } = await ben.call("Email/get", { ids, properties: ["blobId", "size"] });
  const [{ blobId, size }] = list;
  assert.equal(size, Buffer.byteLength(raw));
  const path = `/jmap/download/${ben.accountId}/${blobId}/message.eml`;
  assert.equal((await ben.ask({ method: "GET", path })).text, raw);
  assert.deepEqual(await subjects(ada), []);
  await until(async () => (await objects()).length === 0);
  assert.deepEqual(await objects(), []);
});

test("what the settings refuse is refused with a reason, and nothing of it is kept", async () => {
  const refusals = [
    ["ada@elsewhere.example", "550 5.7.1"],
    ["old@burrow.localhost", "550 5.7.1"],
    ["Old+x@burrow.localhost", "550 5.7.1"],
    ["nobody@burrow.localhost", "550 5.1.1 No such mailbox"],
  ] as const;
  for (const [to, reason] of refusals) {
    const { status, said } = await send(to);
    assert.equal(status, 400, to);
    assert.ok(said.includes(reason), `${to}: ${said}`);
  }
  assert.deepEqual(await objects(), []);
  // RFC 5321 §4.5.1.
  assert.equal((await send("Postmaster@burrow.localhost")).status, 200);
  assert.equal((await burrow("drain")).code, 2, "it would otherwise seem to go on");
  assert.equal((await burrow("drain", "--once")).code, 0);
});

test("who is here, and when to look, only the edge may ask", async () => {
  const known = { method: "GET", path: "/_burrow/edge/mail/recipient?address=ada%40burrow.localhost" };
  const wake = { method: "POST", path: "/_burrow/edge/mail/wake" };
  for (const asked of [known, wake]) {
    const { status, text } = await house.client.request(asked);
    assert.equal(status, 404);
    assert.ok(!text.includes("known"));
  }
});

test("with a wrong key nothing is lost, and what is wrong is said; with the right one everything is there", async () => {
  await house.close();
  await openHouse("not the secret at all");
  // Whether it is somebody's cannot be asked while the origin is away: it is taken.
  assert.equal((await send("ada@burrow.localhost", message("kept"))).status, 200);
  const failed = await burrow("drain", "--once");
  assert.equal(failed.code, 1);
  const { message: why } = failed.json<{ message: string }>();
  assert.match(why, /does not take the key.*403 SignatureDoesNotMatch.*Nothing in it is lost/);
  assert.ok(!failed.stdout.includes("not the secret"));
  const status = (await burrow("status")).json();
  assert.match(JSON.stringify(status["failing"]), /does not take the key/);
  assert.deepEqual(
    house.origin.alerts.open().map(({ id }) => id),
    ["mail-bucket"],
  );
  assert.equal((await objects()).length, 1);

  await house.close();
  await openHouse(secret);
  const done = await burrow("drain", "--once");
  assert.equal(done.code, 0, done.stdout);
  assert.ok((await subjects(ada)).includes("kept"));
  assert.deepEqual(await objects(), []);
  const { messages, pending, quarantined, last_drain: lastDrain } = (await burrow("status")).json();
  assert.deepEqual([messages, pending, quarantined], [3, 0, 0]);
  assert.match(String(lastDrain), /^\d{4}-.*Z$/);
  await until(async () => house.origin.alerts.open().length === 0);
  assert.deepEqual(house.origin.alerts.open(), []);
});

test("while the origin is away mail is taken, for nobody too, and comes in afterwards", async () => {
  await house.close();
  assert.equal((await send("ada@burrow.localhost", message("in the night"))).status, 200);
  assert.equal((await send("nobody@burrow.localhost")).status, 200);
  assert.equal((await objects()).length, 2);
  await openHouse(secret);
  await burrow("drain", "--once");
  assert.ok((await subjects(ada)).includes("in the night"));
});

test("what no program can read goes into quarantine and holds up nothing; the owner gets it as it came, and may try again", async () => {
  const parts = "--b\r\n\r\nx\r\n".repeat(1_200);
  const unreadable = `Message-ID: <odd@example.org>\r\nFrom: odd@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b--\r\n`;
  assert.equal((await send("ada@burrow.localhost", unreadable)).status, 200);
  assert.equal((await send("ada@burrow.localhost", message("after it"))).status, 200);
  await burrow("drain", "--once");
  assert.ok((await subjects(ada)).includes("after it"));
  const listed = (await burrow("quarantine", "list")).json<{ messages: { id: number; to: string }[] }>();
  assert.deepEqual(
    listed.messages.map(({ to }) => to),
    ["ada@burrow.localhost"],
  );
  const id = String(listed.messages[0]?.id);
  const file = join(folder, "saved.eml");
  assert.equal((await burrow("quarantine", "save", id, "--to", file)).code, 0);
  assert.equal(readFileSync(file, "utf8"), unreadable);
  assert.equal((await burrow("quarantine", "save", id, "--to", file)).code, 1, "never over another file");
  assert.equal((await burrow("quarantine", "retry", id)).code, 0);
  await burrow("drain", "--once");
  assert.equal((await burrow("status")).json()["quarantined"], 1);
  assert.equal((await burrow("quarantine", "remove", id, "--yes")).code, 0);
  assert.equal((await burrow("status")).json()["quarantined"], 0);
});

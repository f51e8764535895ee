/**
 * How fast what has arrived comes onto the disk, and from there into the mailboxes, beside the floor of the same run: the
 * same objects fetched by bare signed GETs, as many at once, and dropped. `mail-drain.ts [MESSAGES] [ROUNDS]`: 1,000 and 3
 * unless told; workerd's own R2 is the bucket. `BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR"` profiles the drain's process.
 */
import { spawn } from "node:child_process";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { AwsClient } from "aws4fetch";

import { fetchedAtOnce } from "../../origin/apps/mail/arriving/fetch-arrivals.ts";
import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import { inParallel } from "../../origin/host/in-parallel.ts";
import { makeMailFolder } from "../apps/mail/open-mail.ts";
import { projectRoot } from "../support/run-burrow.ts";

const messages = Number(process.argv[2] ?? 1_000);
const rounds = Number(process.argv[3] ?? 3);
const key = { accessKeyId: "key", secretAccessKey: "secret" };
const folder = await mkdtemp(join(tmpdir(), "burrow-drain-bench-"));
const vocabulary = Array.from({ length: 4_000 }, () => randomBytes(3).toString("base64"));

interface Sizes {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
}
const kinds: readonly Sizes[] = [
  { name: "10 KB", count: messages, bytes: 10_000 },
  { name: "1 MB", count: Math.ceil(messages / 10), bytes: 1_000_000 },
];

/** Drained before anything is measured, with attachments. */
const warmUp: Sizes = { name: "21 KB", count: 20, bytes: 21_000 };

const edge = await startEdge({
  root: projectRoot,
  origin: "127.0.0.1:9",
  edgeKey: `k1.${randomBytes(32).toString("base64url")}`,
  hosts: "127.0.0.1=apex",
  port: 0,
  persistDir: join(folder, "edge"),
  mailS3: { bucket: "bench", ...key },
});
try {
  const bucket = `${edge.url}/cdn-cgi/local/r2/s3/bench`;
  const dataDir = join(folder, "data");
  await makeMailFolder(dataDir, bucket);
  const s3 = new AwsClient({ ...key, service: "s3", region: "auto" });
  for (const kind of kinds) {
    for (let round = 1; round <= rounds; round += 1) {
      const objects = await seed(s3, bucket, kind);
      const before = process.cpuUsage();
      const floor = await getAll(s3, bucket, objects);
      const { user, system } = process.cpuUsage(before);
      console.log(`${kind.name} × ${kind.count}`);
      console.log(`  GET alone         ${rate(kind, floor)}, ${each(kind, (user + system) / 1e6)}`);
      await removeAll(s3, bucket, objects);
      for (const [what, ...words] of [["onto the disk", "land"], ["into the mailbox"]] as const) {
        await seed(s3, bucket, warmUp);
        const drained = await drain(() => seed(s3, bucket, kind), dataDir, ...words);
        report(what, kind, floor, drained);
      }
    }
  }
} finally {
  await edge.stop();
  await rm(folder, { recursive: true, force: true });
}

function report(what: string, kind: Sizes, floor: number, drained: Drained): void {
  const { delivered, seconds, cpuSeconds, megabytes } = drained;
  if (delivered !== kind.count) throw new Error(`${delivered} were delivered`);
  console.log(
    `  ${what.padEnd(17)} ${rate(kind, seconds)}, ${each(kind, cpuSeconds)}, ${megabytes} MB at most; ratio ${(floor / seconds).toFixed(2)}`,
  );
}

function rate({ count, bytes }: Sizes, seconds: number): string {
  return `${(count / seconds).toFixed(0)}/s, ${((count * bytes) / 1e6 / seconds).toFixed(1)} MB/s`;
}

function each({ count }: Sizes, cpuSeconds: number): string {
  return `${((1000 * cpuSeconds) / count).toFixed(1)} ms of processor time each`;
}

async function seed(s3: AwsClient, bucket: string, { count, bytes }: Sizes): Promise<string[]> {
  let time = Date.now();
  const objects = Array.from(
    { length: count },
    () => `pending/${String((time += 1)).padStart(15, "0")}-${randomUUID()}.eml`,
  );
  await inParallel(objects, fetchedAtOnce, async (object) => {
    const body = message(bytes);
    const headers = {
      "x-amz-meta-from": "joerg%40example.org",
      "x-amz-meta-to": "ada%40burrow.localhost",
      "x-amz-meta-size": String(body.length),
      "x-amz-meta-received": String(Date.now()),
    };
    const answer = await s3.fetch(`${bucket}/${object}`, { method: "PUT", body, headers });
    if (!answer.ok) throw new Error(`PUT was answered ${answer.status}`);
    await answer.arrayBuffer();
  });
  return objects;
}

/** As people write: some thousand words that come again; and what is above 20 KB is attached. */
function message(bytes: number): Buffer<ArrayBuffer> {
  const head = `Message-ID: <${randomUUID()}@example.org>\r\nFrom: Joerg <joerg@example.org>\r\nTo: ada@burrow.localhost\r\nSubject: ${randomUUID()}\r\n`;
  if (bytes <= 20_000) return Buffer.from(`${head}\r\n${text(bytes)}`);
  const type = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  const file =
    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\n";
  const content = randomBytes(bytes * 0.74)
    .toString("base64")
    .replace(/.{76}/g, "$&\r\n");
  return Buffer.from(`${head}${type}--b\r\n\r\n${text(2_000)}\r\n--b\r\n${file}${content}\r\n--b--\r\n`);
}

function text(bytes: number): string {
  let written = "";
  for (let at = 0; written.length < bytes; at += 1)
    written += `${vocabulary[randomInt(vocabulary.length)]}${at % 10 === 9 ? "\r\n" : " "}`;
  return written;
}

async function removeAll(s3: AwsClient, bucket: string, objects: readonly string[]): Promise<void> {
  await inParallel(objects, fetchedAtOnce, async (object) => {
    const answer = await s3.fetch(`${bucket}/${object}`, { method: "DELETE" });
    await answer.arrayBuffer();
  });
}

async function getAll(s3: AwsClient, bucket: string, objects: readonly string[]): Promise<number> {
  const start = performance.now();
  await inParallel(objects, fetchedAtOnce, async (object) => {
    const answer = await s3.fetch(`${bucket}/${object}`);
    for await (const _ of answer.body ?? []);
  });
  return (performance.now() - start) / 1000;
}

interface Drained {
  readonly delivered: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly megabytes: number;
}

/** In a process of its own, as the daemon is; neither its start is counted nor what it loads when the first mail comes. */
async function drain(fill: () => Promise<unknown>, ...words: string[]): Promise<Drained> {
  const file = fileURLToPath(new URL("mail-drain-child.ts", import.meta.url));
  const options = (process.env["BENCH_NODE_OPTIONS"] ?? "").split(" ").filter(Boolean);
  const child = spawn(process.execPath, [...options, file, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  await fill();
  child.stdin.write("go\n");
  const { value } = await lines.next();
  return JSON.parse(value ?? "") as Drained;
}

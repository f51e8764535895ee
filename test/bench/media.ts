/**
 * N gigabytes of media through an origin (`media.ts [N]`, 1 unless told): rate up in whole uploads and in parts, rate
 * down, with the peak memory of its process after each, beside the floor of this run: the same bytes hashed, written
 * and flushed by this process alone.
 */
import { createHash, randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { idOf, openMediaHouse, serverName } from "../apps/matrix/media/media-house.ts";
import { startOriginProcess } from "../support/origin-process.ts";
import { createSignedClient } from "../support/signed-client.ts";

const gigabytes = Number(process.argv[2] ?? 1);
const partBytes = 50_000_000;
const count = Math.ceil((gigabytes * 1e9) / partBytes);
const bytes = count * partBytes;
const resumable = "/_matrix/media/unstable/burrow/resumable";
const download = `/_matrix/client/v1/media/download/${serverName}/`;

const folder = await mkdtemp(join(tmpdir(), "burrow-media-bench-"));
try {
  await bench();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const part = randomFillSync(Buffer.alloc(partBytes));
  /** Other bytes each time: the same ones would be kept once. */
  const next = (at: number): Buffer => {
    part.writeUInt32BE(at, 0);
    return part;
  };
  const dataDir = join(folder, "data");
  const settings = `media_quota = ${4 * bytes}\nmax_resumable_size = ${bytes}`;
  const house = await openMediaHouse(dataDir, settings);
  await house.close();
  const origin = await startOriginProcess({ dataDir });
  const client = createSignedClient({ origin: origin.url, edgeKey: origin.edgeKey, host: serverName });
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: Buffer) => {
    const answer = await client.request({ method, path, token: house.ada, headers, ...(body && { body }) });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const report = (what: string, seconds: number): void =>
    console.log(
      `${what}: ${(bytes / 1e6 / seconds).toFixed(0)} MB/s; origin's memory ${memoryOf(origin.child.pid)}`,
    );
  try {
    console.log(`${bytes / 1e9} GB; origin's memory before: ${memoryOf(origin.child.pid)}`);
    console.log(`floor: ${(bytes / 1e6 / (await timed(() => floor(next)))).toFixed(0)} MB/s`);

    const ids: string[] = [];
    const up = await timed(async () => {
      for (let at = 0; at < count; at += 1) {
        const answer = await ask("POST", "/_matrix/media/v3/upload", {}, next(at));
        ids.push(idOf(String(answer.json()["content_uri"])));
      }
    });
    report(`up, ${count} uploads of ${partBytes / 1e6} MB`, up);

    const tus = { "tus-resumable": "1.0.0" };
    let uri = "";
    const parts = await timed(async () => {
      const made = await ask("POST", resumable, { ...tus, "upload-length": String(bytes) });
      const path = String(made.headers["location"]);
      for (let at = 0; at < count; at += 1) {
        const headers = {
          "upload-offset": String(at * partBytes),
          "content-type": "application/offset+octet-stream",
        };
        const answer = await ask("PATCH", path, { ...tus, ...headers }, next(count + at));
        uri = String(answer.headers["matrix-content-uri"]);
      }
    });
    report(`up, one of ${bytes / 1e9} GB in parts`, parts);

    const down = await timed(async () => {
      for (let start = 0; start < bytes; start += partBytes) {
        const range = `bytes=${start}-${start + partBytes - 1}`;
        await ask("GET", download + idOf(uri), { range });
      }
    });
    report("down, in ranges", down);
    const wholes = await timed(async () => {
      for (const id of ids) await ask("GET", download + id, {});
    });
    report("down, whole", wholes);
  } finally {
    client.close();
    await origin.kill("SIGTERM");
  }
}

async function floor(next: (at: number) => Buffer): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const part = next(at);
    createHash("sha256").update(part).digest();
    const file = await open(join(folder, `floor-${at}`), "w");
    await file.write(part);
    await file.sync();
    await file.close();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function memoryOf(pid: number | undefined): string {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const megabytes = (name: string): string =>
    (Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1000).toFixed(0);
  return `${megabytes("VmRSS")} MB, peak ${megabytes("VmHWM")} MB`;
}

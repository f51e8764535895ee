/**
 * SIGKILL at a random moment of each round while members upload: in one request, to an id made before, in parts. What was
 * acknowledged is there and whole; nothing half is served; no file stays that nothing needs, and no row without its file.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { idOf, openMediaHouse, serverName } from "../apps/matrix/media/media-house.ts";
import { freePort, type OriginProcess, startOriginProcess } from "../support/origin-process.ts";
import { type Answer, createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const rounds = Number(process.env["BURROW_MEDIA_KILL_ROUNDS"] ?? 4);
const resumable = "/_matrix/media/unstable/burrow/resumable";
const folder = join(temporaryFolder({ after }), "data");

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
/** Contents that come again and again: their blobs are kept, dropped and kept again. */
const common = Array.from({ length: 3 }, () => randomBytes(60_000));

let client: SignedClient;
let token = "";
/** Hash of the content by media id, of everything acknowledged. */
const acknowledged = new Map<string, string>();
/** The upload in parts that goes on from round to round. */
let parts: { path: string; bytes: Buffer; sure: number } | undefined;

const ask = (method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}) =>
  client.request({ method, path, token, ...(body && { body }), headers });

function expectStatus(answer: Answer, status: number): Answer {
  assert.equal(answer.status, status, answer.text);
  return answer;
}

const someBytes = (at: number): Buffer =>
  (at % 3 === 0 ? common[at % 9 === 0 ? 0 : 1] : undefined) ?? randomBytes(20_000 + ((at * 7919) % 300_000));

async function uploadAtOnce(at: number): Promise<void> {
  const bytes = someBytes(at);
  const answer = expectStatus(await ask("POST", "/_matrix/media/v3/upload", bytes), 200);
  acknowledged.set(idOf(String(answer.json()["content_uri"])), sha256(bytes));
}

async function uploadLater(at: number): Promise<void> {
  const bytes = someBytes(at + 1);
  const made = expectStatus(await ask("POST", "/_matrix/media/v1/create"), 200);
  const id = idOf(String(made.json()["content_uri"]));
  const answer = await ask("PUT", `/_matrix/media/v3/upload/${serverName}/${id}`, bytes);
  expectStatus(answer, 200);
  acknowledged.set(id, sha256(bytes));
}

async function uploadInParts(): Promise<void> {
  const tus = { "tus-resumable": "1.0.0" };
  if (!parts) {
    const bytes = randomBytes(500_000);
    const made = await ask("POST", resumable, undefined, { ...tus, "upload-length": String(bytes.length) });
    parts = { path: String(expectStatus(made, 201).headers["location"]), bytes, sure: 0 };
  }
  const { path, bytes } = parts;
  const head = expectStatus(await ask("HEAD", path, undefined, tus), 200);
  const offset = Number(head.headers["upload-offset"]);
  assert.ok(offset >= parts.sure, `${parts.sure} bytes were acknowledged, and ${offset} are there`);
  const last =
    offset === bytes.length
      ? head
      : await ask("PATCH", path, bytes.subarray(offset, offset + 150_000), {
          ...tus,
          "upload-offset": String(offset),
          "content-type": "application/offset+octet-stream",
        });
  parts.sure = Number(last.headers["upload-offset"]);
  const uri = last.headers["matrix-content-uri"];
  if (uri === undefined) return;
  acknowledged.set(idOf(String(uri)), sha256(bytes));
  parts = undefined;
}

/** The tables as the dead process left them; then some of what it had is deleted, for the next one to clean up. */
function checkTables(): void {
  const database = openBetterSqlite3(join(folder, "databases", "matrix.db"));
  try {
    const wrong = {
      "a count that is not the rows'": `SELECT hash FROM media_blobs b WHERE refs <>
        (SELECT count(*) FROM media m WHERE m.hash = b.hash) + (SELECT count(*) FROM media_resumable r WHERE r.hash = b.hash)`,
      "a sum that is not the rows'": `SELECT holder FROM media_usage u WHERE bytes <>
        (SELECT coalesce(sum(size), 0) FROM media m WHERE m.holder = u.holder AND hash IS NOT NULL)`,
    };
    assert.deepEqual(database.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }]);
    for (const [what, sql] of Object.entries(wrong)) assert.deepEqual(database.prepare(sql).all(), [], what);
    for (const id of [...acknowledged.keys()].filter((_, at) => at % 4 === 0)) {
      database.prepare("DELETE FROM media WHERE id = ?").run(id);
      acknowledged.delete(id);
    }
  } finally {
    database.close();
  }
}

async function checkAcknowledged(): Promise<void> {
  for (const [id, hash] of acknowledged) {
    const answer = await ask("GET", `/_matrix/client/v1/media/download/${serverName}/${id}`);
    assert.equal(expectStatus(answer, 200).headers["content-length"], String(answer.bytes.length));
    assert.equal(sha256(answer.bytes), hash);
  }
}

function blobsOnDisk(): string[] {
  return readdirSync(join(folder, "blobs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .toSorted();
}

/** Those that media need, and those that anything does: an upload in parts, cut in the midst of its end, may have either. */
function blobsNeeded(): { readonly least: string[]; readonly most: string[] } {
  const database = openBetterSqlite3(join(folder, "databases", "matrix.db"));
  try {
    const hashes = (sql: string): string[] =>
      database
        .prepare<{ hash: string }>(sql)
        .all()
        .map(({ hash }) => hash);
    return {
      least: hashes("SELECT DISTINCT hash FROM media WHERE hash IS NOT NULL"),
      most: hashes("SELECT hash FROM media_blobs WHERE refs > 0"),
    };
  } finally {
    database.close();
  }
}

/** What of the folder is not as the tables have it. */
function blobsAstray(): { readonly lost: string[]; readonly left: string[] } {
  const onDisk = blobsOnDisk();
  const { least, most } = blobsNeeded();
  return {
    lost: least.filter((hash) => !onDisk.includes(hash)),
    left: onDisk.filter((hash) => !most.includes(hash)),
  };
}

test(`what was acknowledged is there after each of ${rounds} SIGKILLs, and nothing else stays`, async () => {
  const house = await openMediaHouse(folder);
  token = house.ada;
  await house.close();
  const port = await freePort();
  const start = (): Promise<OriginProcess> => startOriginProcess({ dataDir: folder, port });
  let origin = await start();
  client = createSignedClient({ origin: origin.url, edgeKey: origin.edgeKey, host: serverName });
  let uploads = 0;
  for (let round = 0; round < rounds; round += 1) {
    let isAlive = true;
    // An answer that does not come is no acknowledgement; a wrong one is a finding.
    const keepOn = async (work: () => Promise<void>): Promise<void> => {
      for (;;) {
        if (!isAlive) return;
        await work().catch((error: unknown) => {
          if (error instanceof assert.AssertionError) throw error;
          isAlive = false;
        });
      }
    };
    const work = [
      keepOn(() => uploadAtOnce((uploads += 1))),
      keepOn(() => uploadAtOnce((uploads += 1))),
      keepOn(() => uploadLater((uploads += 1))),
      keepOn(uploadInParts),
    ];
    // However slow the machine: the kill comes in the midst of it.
    for (const known = acknowledged.size; acknowledged.size < known + 2; await pause(5)) if (!isAlive) break;
    await pause(Math.random() * 300);
    await origin.kill("SIGKILL");
    isAlive = false;
    await Promise.all(work);
    checkTables();
    origin = await start();
    await checkAcknowledged();
  }
  assert.ok(acknowledged.size > 5, `${acknowledged.size} uploads`);
  // The start's tidying comes to its end.
  for (let wait = 0; wait < 800 && blobsAstray().left.length > 0; wait += 1) await pause(25);
  assert.deepEqual(blobsAstray(), { lost: [], left: [] });
  client.close();
  await origin.kill("SIGTERM");
});

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";

import { BlobTooLargeError, openBlobStore } from "../../origin/storage/blobs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test("stores a stream under its hash and gives the same bytes back", async (t) => {
  const folder = temporaryFolder(t);
  const store = openBlobStore(folder);
  const parts = [randomBytes(70_000), Buffer.alloc(0), randomBytes(1)];
  const whole = Buffer.concat(parts);
  const stored = await store.put(chunks(...parts), { limit: whole.length });
  assert.deepEqual(stored, { hash: sha256(whole), size: whole.length });
  const blob = await store.open(stored.hash);
  assert.equal(blob?.size, whole.length);
  assert.ok((await buffer(blob.stream)).equals(whole));
  const path = join(folder, stored.hash.slice(0, 2), stored.hash.slice(2, 4), stored.hash);
  assert.equal(statSync(path).mode & 0o077, 0);
});

test("reads a range with both ends included, and the empty blob", async (t) => {
  const store = openBlobStore(temporaryFolder(t));
  const { hash } = await store.put(Buffer.from("0123456789"), { limit: 10 });
  const part = await store.open(hash, { start: 3, end: 5 });
  assert.equal((await buffer(part?.stream ?? chunks())).toString(), "345");
  const empty = await store.put(Buffer.alloc(0), { limit: 0 });
  assert.equal((await buffer((await store.open(empty.hash))?.stream ?? chunks(Buffer.from("no")))).length, 0);
});

test("keeps the same content once, also when it comes twice at a time", async (t) => {
  const folder = temporaryFolder(t);
  const store = openBlobStore(folder);
  const bytes = randomBytes(1000);
  const [one, two] = await Promise.all([
    store.put(bytes, { limit: 1000 }),
    store.put(bytes, { limit: 1000 }),
  ]);
  assert.deepEqual(one, two);
  assert.deepEqual(readdirSync(join(folder, "incoming")), []);
});

test("keeps nothing of a stream that is too long, or that fails", async (t) => {
  const folder = temporaryFolder(t);
  const store = openBlobStore(folder);
  await assert.rejects(
    store.put(chunks(randomBytes(60), randomBytes(41)), { limit: 100 }),
    BlobTooLargeError,
  );
  const broken = new Error("the client went away");
  const failing = (async function* () {
    yield randomBytes(10);
    throw broken;
  })();
  await assert.rejects(store.put(failing, { limit: 100 }), (error) => error === broken);
  assert.deepEqual(readdirSync(folder), ["incoming"]);
  assert.deepEqual(readdirSync(join(folder, "incoming")), []);
});

test("deletes, and knows what it has", async (t) => {
  const store = openBlobStore(temporaryFolder(t));
  const { hash } = await store.put(Buffer.from("gone soon"), { limit: 100 });
  assert.equal(await store.has(hash), true);
  assert.equal(await store.size(hash), 9);
  assert.equal(await store.delete(hash), true);
  assert.equal(await store.delete(hash), false);
  assert.equal(await store.has(hash), false);
  assert.equal(await store.open(hash), undefined);
});

test("takes no name that is not a hash: paths lead nowhere", async (t) => {
  const folder = temporaryFolder(t);
  const store = openBlobStore(join(folder, "blobs"));
  writeFileSync(join(folder, "secret"), "no");
  for (const name of [
    "../../secret",
    "",
    "A".repeat(64),
    `${"a".repeat(63)}/`,
    "..",
    `${"a".repeat(64)}\0`,
  ]) {
    assert.equal(await store.open(name), undefined);
    assert.equal(await store.delete(name), false);
  }
});

test("removes at its start what a crash left half-written", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "incoming"));
  writeFileSync(join(folder, "incoming", "abandoned"), "half");
  openBlobStore(folder);
  assert.deepEqual(readdirSync(join(folder, "incoming")), []);
});

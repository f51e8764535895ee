import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { readIdentity } from "../../../origin/host/backup/backup-keys.ts";
import { backedUp, fault, fingerprint, restoreInto, sharedWorker } from "./data-folder.ts";

let bytes: Buffer;
let work: Awaited<ReturnType<typeof backedUp>>;
let liveBefore: Map<string, string>;
const cleanups: (() => unknown)[] = [];

before(async () => {
  work = await backedUp({ after: (cleanup) => cleanups.push(cleanup) });
  bytes = readFileSync(work.made.path);
  liveBefore = fingerprint(work.server.dataDir);
});

after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const attempt = async (changed: Uint8Array): Promise<void> => {
  const path = join(dirname(work.made.path), "changed.burrow-backup");
  writeFileSync(path, changed);
  try {
    const input = { path, verifyKey: readIdentity(work.identity).verifyKey, packFolders: [dirname(path)] };
    await assert.rejects(sharedWorker().run("verify", input), fault("tampered"));
    await assert.rejects(
      restoreInto(work.server.dataDir, path, { identity: work.identity }),
      fault("tampered"),
    );
  } finally {
    rmSync(path);
  }
};

test("an archive is refused with any one bit flipped, wherever it is, and the live data stay byte for byte", async () => {
  // The ends byte by byte, since marks, lengths and signature are there; the rest by a fixed stride.
  const places = [...Array(16).keys(), ...Array.from({ length: 100 }, (_, at) => bytes.length - 1 - at)];
  const stride = Math.floor(bytes.length / 90);
  for (let at = 16; places.length < 200; at += stride) places.push(at);
  const { verifyKey } = readIdentity(work.identity);
  const path = join(dirname(work.made.path), "flipped.burrow-backup");
  for (const [index, at] of places.entries()) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << (index % 8));
    writeFileSync(path, changed);
    const input = { path, verifyKey, packFolders: [dirname(path)] };
    await assert.rejects(sharedWorker().run("verify", input), fault("tampered"), `byte ${at}`);
    if (index % 20 === 0) {
      await assert.rejects(
        restoreInto(work.server.dataDir, path, { identity: work.identity }),
        fault("tampered"),
      );
    }
  }
  rmSync(path);
  assert.deepEqual(fingerprint(work.server.dataDir), liveBefore);
});

test("an archive is refused when it is cut, longer, empty, or two of them in one", async () => {
  for (const changed of [
    bytes.subarray(0, 10),
    bytes.subarray(0, bytes.length - 1),
    bytes.subarray(1),
    Buffer.concat([bytes, Buffer.from([0])]),
    Buffer.concat([bytes, bytes]),
    Buffer.alloc(0),
    Buffer.alloc(5000),
  ]) {
    await attempt(changed);
  }
});

test("an archive is refused when a pack beside it was changed", async () => {
  const packs = join(dirname(work.made.path), "packs");
  const [name = ""] = [...fingerprint(packs).keys()];
  const file = join(packs, name);
  const original = readFileSync(file);
  const changed = Buffer.from(original);
  changed[changed.length - 3] = (changed.at(-3) ?? 0) ^ 4;
  writeFileSync(file, changed);
  await assert.rejects(work.server.backups.verify(work.made.path, undefined), fault("tampered"));
  await assert.rejects(
    restoreInto(join(work.root, "never"), work.made.path, { identity: work.identity }),
    fault("tampered"),
  );
  assert.equal(existsSync(join(work.root, "never", "databases")), false);
  writeFileSync(file, original);
});

test("an archive is refused with another server's identity, and with one that lacks the right key", async (t) => {
  const other = await backedUp(t);
  await assert.rejects(
    restoreInto(join(work.root, "never"), work.made.path, { identity: other.identity }),
    fault("tampered"),
  );
  // The signature is right and the secret key another's: the archive is genuine, and stays closed.
  const mixed = readFileSync(work.identity, "utf8").replace(
    /AGE-SECRET-KEY-\S+/,
    /AGE-SECRET-KEY-\S+/.exec(readFileSync(other.identity, "utf8"))?.[0] ?? "",
  );
  const path = join(work.root, "mixed.txt");
  writeFileSync(path, mixed, { mode: 0o600 });
  await assert.rejects(
    restoreInto(join(work.root, "never"), work.made.path, { identity: path }),
    fault("wrong-identity"),
  );
  writeFileSync(path, "nothing of use\n");
  await assert.rejects(
    restoreInto(join(work.root, "never"), work.made.path, { identity: path }),
    fault("bad-identity"),
  );
  assert.equal(existsSync(join(work.root, "never", "databases")), false);
});

test("(the unchanged one is accepted)", async () => {
  const verified = await work.server.backups.verify(work.made.path, work.identity);
  assert.equal(verified.missing, 0);
  assert.equal(verified.manifest.sequence, 1);
});

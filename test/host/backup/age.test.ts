import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type Age, ageLibrary, findAgeProgram, newIdentity } from "../../../origin/host/backup/age.ts";
import { BackupError } from "../../../origin/host/backup/backup-error.ts";
import { giveBack } from "../../../origin/host/backup/give-back.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const program = findAgeProgram();
const both: readonly Age[] = program ? [ageLibrary, program] : [ageLibrary];
if (!program) test("age's own program, beside the library", { skip: "no age" }, () => {});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Uint8Array.from(part));
  return Buffer.concat(parts);
}

async function makeIdentity(folder: string, name: string) {
  const pair = await newIdentity();
  const file = join(folder, name);
  writeFileSync(file, `# a comment\n${pair.identity}\n`, { mode: 0o600 });
  return { recipient: pair.recipient, identity: { text: pair.identity, file } };
}

for (const writer of both) {
  for (const reader of both) {
    test(`what the ${writer.name} writes the ${reader.name} reads, for either of two keys`, async (t) => {
      const folder = temporaryFolder(t);
      const ada = await makeIdentity(folder, "ada.txt");
      const ben = await makeIdentity(folder, "ben.txt");
      // Around the edges of age's 64 KiB chunks.
      for (const size of [0, 1, 65_535, 65_536, 65_537, 300_000]) {
        const plain = randomBytes(size);
        const cipher = await collect(writer.encrypt(pieces(plain, 50_000), [ada.recipient, ben.recipient]));
        for (const { identity } of [ada, ben]) {
          const read = await collect(reader.decrypt(pieces(cipher, 7000), identity));
          assert.ok(read.equals(plain), `${size} bytes`);
        }
      }
    });
  }
}

for (const age of both) {
  test(`the ${age.name} says so when the identity is another's, and refuses what was changed or cut`, async (t) => {
    const folder = temporaryFolder(t);
    const ada = await makeIdentity(folder, "ada.txt");
    const ben = await makeIdentity(folder, "ben.txt");
    const cipher = await collect(age.encrypt(pieces(randomBytes(200_000), 50_000), [ada.recipient]));
    await assert.rejects(
      collect(age.decrypt(pieces(cipher, 7000), ben.identity)),
      (error) => error instanceof BackupError && error.fault === "wrong-identity",
    );
    const changed = Buffer.from(cipher);
    changed[150_000] = (changed[150_000] ?? 0) ^ 1;
    await assert.rejects(collect(age.decrypt(pieces(changed, 7000), ada.identity)));
    await assert.rejects(collect(age.decrypt(pieces(cipher.subarray(0, 140_000), 7000), ada.identity)));
  });

  test(`a source that breaks off makes no shorter file by the ${age.name}`, async () => {
    const { recipient } = await newIdentity();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield randomBytes(100_000);
      throw new Error("the disk went away");
    }
    await assert.rejects(collect(age.encrypt(broken(), [recipient])), /the disk went away/);
  });
}

for (const age of both) {
  test(`the ${age.name} is done with a piece when it asks for the next`, async (t) => {
    const folder = temporaryFolder(t);
    const ada = await makeIdentity(folder, "ada.txt");
    const plain = randomBytes(1_000_000);
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(40_000);
      for (let offset = 0; offset < plain.length; offset += buffer.length) {
        plain.copy(buffer, 0, offset);
        yield buffer.subarray(0, plain.length - offset);
        buffer.fill(0);
      }
    }
    const file = join(folder, `${age.name}.age`);
    await age.encryptToFile(reusing(), file, [ada.recipient]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (const reader of both) {
      assert.ok((await collect(reader.decryptFile(file, ada.identity))).equals(plain), reader.name);
    }
  });
}

for (const age of both) {
  test(`the ${age.name} gives the pieces back that it has decrypted, and none before`, async (t) => {
    const folder = temporaryFolder(t);
    const ada = await makeIdentity(folder, "ada.txt");
    const plain = randomBytes(1_000_000);
    const cipher = await collect(age.encrypt(pieces(plain, 50_000), [ada.recipient]));
    for (const size of [1000, 65_552, 300_000]) {
      const given: Uint8Array[] = [];
      async function* whole(): AsyncGenerator<Uint8Array> {
        for await (const piece of pieces(cipher, size)) {
          given.push(Uint8Array.from(piece));
          yield given.at(-1) ?? piece;
        }
      }
      assert.ok((await collect(age.decrypt(whole(), ada.identity))).equals(plain), `${size}`);
      const kept = given.reduce((sum, piece) => sum + piece.byteLength, 0);
      // The library cannot tell of those that end behind the header's length before the end.
      assert.ok(kept <= size + 1000, `${kept} bytes of pieces of ${size} are still held`);
    }
  });
}

test("what is part of something larger is nobody's to give back", () => {
  const whole = new Uint8Array(1000);
  const part = whole.subarray(0, 500);
  giveBack(part);
  assert.deepEqual([part.byteLength, whole.byteLength], [500, 1000]);
  giveBack(whole);
  assert.deepEqual([part.byteLength, whole.byteLength], [0, 0]);
});

test("the same content is another file each time", async () => {
  const { recipient } = await newIdentity();
  const hashes = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    const cipher = await collect(ageLibrary.encrypt(pieces(Buffer.from("same"), 4), [recipient]));
    hashes.add(createHash("sha256").update(cipher).digest("hex"));
  }
  assert.equal(hashes.size, 3);
});

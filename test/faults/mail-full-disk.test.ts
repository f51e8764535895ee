/** R2: a disk that fills up during a drain loses no message: each is on it or still in the bucket, and comes in once there is room. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { openPlainBucket } from "../support/plain-bucket.ts";
import { mountSmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { makeMailFolder, openMail } from "../apps/mail/open-mail.ts";

const child = fileURLToPath(new URL("mail/drain-child.ts", import.meta.url));
const messages = 6;
const letter = (at: number): string =>
  `Message-ID: <${at}@example.org>\r\nSubject: ${at}\r\n\r\n${`${at} `.repeat(150_000)}\r\n`;

test("a disk that is full during a drain leaves in the bucket what it cannot take", {
  timeout: 60_000,
}, async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 32_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const bucket = await openPlainBucket();
  t.after(() => bucket.close());
  const made = join(temporaryFolder(t), "data");
  await makeMailFolder(made, bucket.url);
  cpSync(made, join(disk.seen, "data"), { recursive: true });
  const drain = async (): Promise<number> => {
    const [command, ...words] = [...disk.within, process.execPath, child, join(disk.path, "data"), ""];
    const [code] = (await once(spawn(command, words, { stdio: "ignore" }), "exit")) as [number];
    return code;
  };
  // Its databases are there before the disk is full.
  assert.equal(await drain(), 0);
  for (let at = 0; at < messages; at += 1)
    bucket.objects.set(`pending/00176400000000${at}-aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.eml`, {
      body: Buffer.from(letter(at)),
      metadata: { to: "ben%40burrow.localhost" },
    });

  disk.fill(1_000_000);
  assert.notEqual(await drain(), 0);
  const left = bucket.objects.size;
  assert.ok(left > 0, "the bucket lost what the disk had no room for");
  disk.free();
  assert.equal(await drain(), 0);
  assert.equal(bucket.objects.size, 0);

  const copy = join(temporaryFolder(t), "data");
  cpSync(join(disk.seen, "data"), copy, { recursive: true });
  const opened = openMail(copy);
  const { database } = opened.mail;
  const subjects = database
    .prepare<{ fields: string }>("SELECT fields FROM emails ORDER BY id")
    .all()
    .map(({ fields }) => (JSON.parse(fields) as { subject: string }).subject);
  const states = database.prepare<{ state: string }>("SELECT DISTINCT state FROM arrivals").all();
  await opened.close();
  assert.deepEqual(
    subjects.toSorted(),
    Array.from({ length: messages }, (_, at) => String(at)),
  );
  assert.deepEqual(states, [{ state: "delivered" }]);
});

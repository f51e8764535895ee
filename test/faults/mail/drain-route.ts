/** What arrives, killed: every message is in the bucket, or has landed, or is in its mailbox; and in there once. */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Driver } from "../../../origin/storage/driver.ts";
import { makeMailFolder } from "../../apps/mail/open-mail.ts";
import { openPlainBucket } from "../../support/plain-bucket.ts";
import { checkBlobRows, type KillRoute } from "./kill-route.ts";

/** A write notes a blob, lands, files, or knows that an object is removed; there are three messages a feed. */
export const crucialSteps: readonly string[] = [
  "in body",
  "in note",
  "after note",
  "in land",
  "after land",
  "after remove",
  "in file",
  "after file",
];
const steps = ["listed", "got", ...crucialSteps, "before remove", "in removed", "after removed"];

const account = { ada: 1, ben: 2 };

export async function openDrainRoute(folder: string): Promise<KillRoute> {
  const dataDir = join(folder, "data");
  const bucket = await openPlainBucket();
  await makeMailFolder(dataDir, bucket.url);
  /** Everything that was sent: the object, whose it is, and the hash of its bytes. */
  const sent: { object: string; account: number; hash: string }[] = [];
  let time = 1_764_000_000_000;

  function put(to: keyof typeof account, body: Buffer): void {
    const object = `pending/${String((time += 1)).padStart(15, "0")}-${randomUUID()}.eml`;
    const metadata = {
      from: "joerg%40example.org",
      to: encodeURIComponent(`${to}@burrow.localhost`),
      size: String(body.length),
      received: String(time),
      results: "",
    };
    bucket.objects.set(object, { body, metadata });
    sent.push({ object, account: account[to], hash: createHash("sha256").update(body).digest("hex") });
  }

  const message = (): Buffer =>
    Buffer.from(
      `Message-ID: <${randomUUID()}@example.org>\r\nFrom: joerg@example.org\r\nSubject: hello\r\n\r\n${randomBytes(2_000).toString("hex")}\r\n`,
    );

  return {
    name: "drain",
    dataDir,
    child: new URL("drain-child.ts", import.meta.url),
    steps: steps.flatMap((step) => [step, `${step} 2`]),
    feed() {
      put("ada", message());
      // The same bytes for two: one blob, two rows.
      const common = message();
      put("ada", common);
      put("ben", common);
    },
    check(database) {
      checkBlobRows(database);
      const filed = filedIn(database);
      const landed = new Set(
        database
          .prepare<{ object: string }>("SELECT object FROM arrivals WHERE state = 'landed'")
          .all()
          .map(({ object }) => object),
      );
      for (const { object, account: owner, hash } of sent) {
        const times = filed.get(`${owner} ${hash}`) ?? 0;
        assert.ok(times <= 1, `${object} is in the mailbox ${times} times`);
        assert.ok(times === 1 || landed.has(object) || bucket.objects.has(object), `${object} is lost`);
      }
      const needed = database
        .prepare<{ hash: string; size: number }>("SELECT hash, size FROM mail_blobs WHERE refs > 0")
        .all();
      const files = filesOf(dataDir);
      for (const { hash, size } of needed) assert.equal(files.get(hash), size, `the blob ${hash}`);
    },
    checkEnd(database) {
      const filed = filedIn(database);
      assert.deepEqual(
        [...filed].filter(([, times]) => times !== 1),
        [],
      );
      assert.deepEqual(
        [...filed.keys()].toSorted(),
        sent.map(({ account: owner, hash }) => `${owner} ${hash}`).toSorted(),
      );
      assert.equal(bucket.objects.size, 0);
      assert.deepEqual(
        database
          .prepare(
            "SELECT id FROM arrivals WHERE state <> 'delivered' OR removed_at IS NULL OR hash IS NOT NULL",
          )
          .all(),
        [],
      );
      const known = database.prepare<{ hash: string }>("SELECT hash FROM mail_blobs ORDER BY hash").all();
      const files = filesOf(dataDir);
      assert.deepEqual(
        [...files.keys()].toSorted(),
        known.map(({ hash }) => hash),
        "files and rows",
      );
      for (const hash of files.keys())
        assert.equal(
          createHash("sha256")
            .update(readFileSync(pathOf(dataDir, hash)))
            .digest("hex"),
          hash,
        );
    },
    close: () => bucket.close(),
  };
}

/** How often the bytes are in an account, by `ACCOUNT HASH`. */
function filedIn(database: Driver): Map<string, number> {
  const rows = database
    .prepare<{ account: number; hash: string; n: number }>(
      `SELECT account, hash, count(*) AS n FROM emails e
       WHERE EXISTS (SELECT 1 FROM email_mailboxes m WHERE m.email = e.id) GROUP BY account, hash`,
    )
    .all();
  return new Map(rows.map(({ account: owner, hash, n }) => [`${owner} ${hash}`, n]));
}

const pathOf = (dataDir: string, hash: string): string =>
  join(dataDir, "mail-blobs", hash.slice(0, 2), hash.slice(2, 4), hash);

/** Bytes of each file in the folder of blobs, by its name. */
function filesOf(dataDir: string): Map<string, number> {
  const found = readdirSync(join(dataDir, "mail-blobs"), { recursive: true, withFileTypes: true });
  return new Map(
    found
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("incoming"))
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name)).length]),
  );
}

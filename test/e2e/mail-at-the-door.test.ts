/** R1, P1: what comes by the real Worker lies in the bucket before it is taken; while lost, in the one that no key opens. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AwsClient } from "aws4fetch";

import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const keyId = "burrow-test";
const secret = randomBytes(20).toString("hex");
const raw = "Message-ID: <1@example.org>\r\nFrom: joerg@example.org\r\nSubject: hello\r\n\r\nhello\r\n";

async function openDoor(t: TestContext, vars: Record<string, string>) {
  const persistDir = join(temporaryFolder(t), "edge");
  const edge = await startEdge({
    root: projectRoot,
    origin: "127.0.0.1:9",
    edgeKey: `k1.${randomBytes(32).toString("base64url")}`,
    hosts: "127.0.0.1=apex",
    port: 0,
    persistDir,
    mailS3: { bucket: "door", accessKeyId: keyId, secretAccessKey: secret },
    vars: { MAIL_POLICY: '{"domain":"example.org","refused":[],"unknown":"owner"}', ...vars },
  });
  t.after(() => edge.stop());
  const s3 = new AwsClient({ accessKeyId: keyId, secretAccessKey: secret, service: "s3", region: "auto" });
  const address = (bucket: string) => `${edge.url}/cdn-cgi/local/r2/s3/${bucket}`;
  return {
    deliver: (to: string, text = raw) =>
      fetch(`${edge.url}/cdn-cgi/local/email?from=${encodeURIComponent("jörg@example.org")}&to=${to}`, {
        method: "POST",
        body: text,
      }),
    async list(bucket: string): Promise<string[]> {
      const text = await (await s3.fetch(`${address(bucket)}?list-type=2`)).text();
      return [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = ""]) => key);
    },
    persistDir,
    get: (bucket: string, key: string) => s3.fetch(`${address(bucket)}/${key}`),
  };
}

test("what is taken lies in the bucket, and what the bucket does not take is not taken", async (t) => {
  const door = await openDoor(t, {});
  await t.test("each delivery is an object of its own, byte by byte, with its envelope beside it", () =>
    lookAtObjects(door),
  );
  await t.test(
    "a bucket that fails is a failure for now to the sender, and keeps no half of the message",
    async () => {
      const before = await door.list("door");
      const blobs = join(door.persistDir, "v3", "r2", "door", "blobs");
      renameSync(blobs, `${blobs}-away`);
      writeFileSync(blobs, "");
      const { status } = await door.deliver("ben@example.org");
      assert.ok(status >= 500, String(status));
      rmSync(blobs);
      renameSync(`${blobs}-away`, blobs);
      assert.deepEqual(await door.list("door"), before);
      assert.equal((await door.deliver("ben@example.org")).status, 200);
      assert.equal((await door.list("door")).length, before.length + 1);
    },
  );
});

async function lookAtObjects(door: Awaited<ReturnType<typeof openDoor>>): Promise<void> {
  for (const to of ["ada@example.org", "ben@example.org"]) assert.equal((await door.deliver(to)).status, 200);
  const keys = await door.list("door");
  assert.equal(keys.length, 2);
  for (const key of keys) assert.match(key, /^pending\/\d{15}-[0-9a-f-]{36}\.eml$/);
  const first = await door.get("door", keys[0] ?? "");
  assert.equal(await first.text(), raw);
  assert.equal(decodeURIComponent(first.headers.get("x-amz-meta-from") ?? ""), "jörg@example.org");
  assert.equal(first.headers.get("x-amz-meta-size"), String(raw.length));
  assert.deepEqual(await door.list("door-lost"), []);
}

test("while the server is lost its device's bucket gets nothing more", async (t) => {
  const door = await openDoor(t, { PANIC: "lost" });
  assert.equal((await door.deliver("ada@example.org")).status, 200);
  assert.deepEqual(await door.list("door"), []);
  assert.equal((await door.list("door-lost")).length, 1);
});

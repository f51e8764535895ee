/** What is sent by itself (replies of who is away): it goes once, and nobody hears of it where it cannot. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type QueueContext, startQueue } from "../../../../origin/apps/mail/sending/queue.ts";
import { createQueueStore } from "../../../../origin/apps/mail/sending/queue-store.ts";
import type { Parcel, Relay } from "../../../../origin/apps/mail/sending/relay.ts";
import { openBlobStore } from "../../../../origin/storage/blobs.ts";
import { createKeptBlobs } from "../../../../origin/storage/kept-blobs.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { openMailbox } from "../open-mailbox.ts";

const raw =
  "Message-ID: <1@example.org>\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\nFrom: ada@example.org\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n";

test("an automatic reply goes with an empty sender; refused for good it is gone without a word", async (t) => {
  const { database, changes } = await openMailbox(t);
  const cacheDir = temporaryFolder(t);
  const blobs = createKeptBlobs({
    database,
    blobs: openBlobStore(join(cacheDir, "mail-blobs")),
    tables: { blobs: "mail_blobs", search: "mail_blob_search" },
    onError: assert.ifError,
  });
  const outbox = createQueueStore(database, changes, Date.now);
  const parcels: Parcel[] = [];
  const replies = ["450 4.2.1 Later", "250 2.0.0 Ok", "550 5.1.1 Gone"];
  const relay: Relay = {
    async send(parcel) {
      parcels.push(parcel);
      for await (const _chunk of parcel.content());
      await parcel.beforeEnd();
      return { accepted: parcel.recipients, refused: [], reply: replies.shift() ?? "" };
    },
    check: () => Promise.resolve(),
    rest() {},
    close() {},
  };
  const fail = (): never => assert.fail("nobody is told");
  // What is not here would be needed to tell somebody.
  const mail = {
    log: { error: fail, warn: fail },
    now: Date.now,
    alerts: { raise: fail, clear() {} },
    config: { domain: "example.org" },
    database,
    blobs,
    changes,
    outbox,
    addresses: { resolve: () => ({ kind: "unknown", accounts: [], tag: null }) },
    collectSoon() {},
  } as unknown as QueueContext;
  const queue = startQueue(mail, { delivery: { deliver: fail }, relay, readKey: () => undefined, cacheDir });
  t.after(() => queue.close());
  const write = () =>
    blobs.put(Buffer.from(raw), 1000, ({ hash, size }, transaction) => {
      const recipient = "jo@example.net";
      outbox.queueAutomatic(transaction, { mailFrom: "", recipient, hash, size });
    });
  await write();
  await queue.idle();
  assert.deepEqual([parcels[0]?.mailFrom, parcels[0]?.recipients], ["", ["jo@example.net"]]);
  const [waiting] = outbox.list(10);
  assert.deepEqual(
    [waiting?.kind, waiting?.state, waiting?.attempts, waiting?.reply],
    ["automatic", "queued", 1, "450 4.2.1 Later"],
  );
  await database.write((transaction) => outbox.retry(transaction, "automatic", waiting?.id ?? 0, Date.now()));
  await queue.idle();
  assert.deepEqual(outbox.list(10), []);
  await write();
  await queue.idle();
  assert.deepEqual([parcels.length, outbox.list(10)], [3, []]);
  const refs = database.prepare<{ refs: number }>("SELECT refs FROM mail_blobs").all();
  assert.deepEqual(refs, [{ refs: 0 }]);
});

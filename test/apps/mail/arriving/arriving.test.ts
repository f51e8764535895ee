/** R2, R3: what is fetched once, what is tried again, what is put aside, and what the owner is told. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { readConfig } from "../../../../origin/config/read-config.ts";
import { writeSecret } from "../../../../origin/config/secrets.ts";
import { forTrial } from "../../../../origin/host/update/trial-config.ts";
import { createLog } from "../../../../origin/host/log.ts";
import { startOrigin } from "../../../../origin/main.ts";
import type { Delivery } from "../../../../origin/apps/mail/arriving/arrival.ts";
import { MailBucketError, openMailBucket } from "../../../../origin/apps/mail/arriving/bucket.ts";
import { createArriving } from "../../../../origin/apps/mail/arriving/arriving.ts";
import { createDelivery } from "../../../../origin/apps/mail/delivery/deliver.ts";
import { checkArriving } from "../../../../origin/apps/mail/arriving/check-arriving.ts";
import type { MailContext } from "../../../../origin/apps/mail/mail-context.ts";
import { openPlainBucket } from "../../../support/plain-bucket.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { makeMailFolder, openMail } from "../open-mail.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const noon = Date.parse("2026-11-30T12:00:00Z");

async function openHouse(
  t: TestContext,
  { broken, unremovable }: { broken?: () => Error | undefined; unremovable?: () => Error | undefined } = {},
) {
  const bucket = await openPlainBucket({ pageSize: 2 });
  const dataDir = join(temporaryFolder(t), "data");
  await makeMailFolder(dataDir, bucket.url);
  const opened = openMail(dataDir, { write: () => {} });
  const clock = { now: noon };
  const alerts = new Set<string>();
  const mail: MailContext = {
    ...opened.mail,
    now: () => clock.now,
    alerts: { raise: ({ id }) => void alerts.add(id), clear: (id) => void alerts.delete(id) },
  };
  const filing = createDelivery(mail);
  /** Subjects whose delivery fails, and how. */
  const failing = new Map<string, Error>();
  const tried: string[] = [];
  const delivery: Delivery = {
    async deliver(arrival, settle) {
      tried.push(arrival.mailFrom);
      const error = failing.get(arrival.mailFrom);
      if (error) throw error;
      await filing.deliver(arrival, settle);
    },
  };
  const { config, outbound } = mail;
  const real = openMailBucket({ config, secret: "secret", outbound });
  const arriving = createArriving(mail, {
    delivery,
    bucketSecret: "secret",
    bucket: {
      ...real,
      async *pages() {
        const error = broken?.();
        if (error) throw error;
        yield* real.pages();
      },
      async remove(objects) {
        const error = unremovable?.();
        if (error && objects.length > 0) throw error;
        return await real.remove(objects);
      },
    },
  });
  t.after(async () => {
    await arriving.close();
    await opened.close();
    bucket.close();
  });
  const inboxes = mail.database.prepare<{ n: number }>("SELECT count(*) AS n FROM email_mailboxes");

  return {
    arriving,
    bucket,
    clock,
    alerts,
    failing,
    tried,
    check: () => checkArriving(mail, arriving),
    filed: () => inboxes.get()?.n,
    /** Puts an object into the bucket as the edge would; what `metadata` gives is put in the place of that. */
    put(sender: string, metadata: Record<string, string> = {}, takenAt = clock.now): string {
      const object = `pending/${String(takenAt).padStart(15, "0")}-${randomUUID()}.eml`;
      const body = Buffer.from(
        `Message-ID: <${randomUUID()}@example.org>\r\nSubject: hello\r\n\r\nhello\r\n`,
      );
      const envelope = {
        from: sender,
        to: "ben%40burrow.localhost",
        size: String(body.length),
        received: String(takenAt),
        results: "mx%3B%20spf%3Dpass",
      };
      bucket.objects.set(object, { body, metadata: { ...envelope, ...metadata } });
      return object;
    },
  };
}

test("an object that is listed again is removed again, and not filed again", async (t) => {
  const house = await openHouse(t);
  const object = house.put("a");
  const copy = house.bucket.objects.get(object)!;
  assert.equal((await house.arriving.drain()).delivered, 1);
  for (let again = 0; again < 2; again += 1) {
    house.bucket.objects.set(object, copy);
    const { fetched, repeated } = await house.arriving.drain();
    assert.deepEqual([fetched, repeated, house.bucket.objects.size, house.filed()], [0, 1, 0, 1]);
  }
  // The same bytes under another name are another delivery.
  house.bucket.objects.set(object.replace(/.{12}\.eml$/, "aaaaaaaaaaaa.eml"), copy);
  await house.arriving.drain();
  assert.equal(house.filed(), 2);
});

test("all pages of the bucket are fetched, each object by its own name", async (t) => {
  const house = await openHouse(t);
  for (let at = 0; at < 5; at += 1) house.put("a");
  assert.equal((await house.arriving.drain()).delivered, 5);
  assert.deepEqual([house.filed(), house.bucket.objects.size], [5, 0]);
});

test("envelopes that are garbled or missing cost no message; what is not the edge's is left alone and told of", async (t) => {
  const house = await openHouse(t);
  house.put("a", { from: "%ff%", to: "%", size: "many", received: "-1", results: "%" });
  const bare = house.put("b");
  house.bucket.objects.set(bare, { ...house.bucket.objects.get(bare)!, metadata: {} });
  house.bucket.objects.set("pending/notes.txt", { body: Buffer.from("mine"), metadata: {} });
  const report = await house.arriving.drain();
  assert.deepEqual([report.delivered, report.strays, house.filed()], [2, 1, 2]);
  assert.deepEqual([...house.bucket.objects.keys()], ["pending/notes.txt"]);
  assert.match((await house.check())[0]?.detail ?? "", /1 objects in it are not mail/);
});

test("a delivery that fails is tried again, ever later, holds up no other, and ends in quarantine", async (t) => {
  const house = await openHouse(t);
  house.failing.set("poison", new Error("something of it fails"));
  for (const sender of ["poison", "a", "b"]) house.put(sender);
  const first = await house.arriving.drain();
  assert.deepEqual([first.delivered, first.postponed], [2, 1]);
  const times: number[] = [];
  for (; times.length < 20 && house.arriving.arrivals.counts().landed > 0; house.clock.now += minute) {
    const before = house.tried.length;
    await house.arriving.drain();
    if (house.tried.length > before) times.push((house.clock.now - noon) / minute);
  }
  assert.deepEqual(times, [1, 3, 7, 15, 31, 63, 127]);
  assert.deepEqual([...house.alerts], ["mail-quarantine"]);
  assert.equal(house.bucket.objects.size, 0);
  const [quarantined] = house.arriving.arrivals.quarantined(Number.MAX_SAFE_INTEGER, 10);
  assert.deepEqual([quarantined?.attempts, quarantined?.error], [8, "something of it fails"]);

  // Mended, and tried again by the owner.
  house.failing.clear();
  assert.equal(await house.arriving.arrivals.release(quarantined?.id ?? 0), true);
  house.arriving.quarantineChanged();
  await house.arriving.drain();
  assert.deepEqual([house.filed(), [...house.alerts]], [3, []]);
});

test("what waits for a day is told of, once it is in is not, and doctor says the same", async (t) => {
  const house = await openHouse(t);
  house.failing.set("late", new Error("not now"));
  house.put("late", {}, noon - day + hour);
  await house.arriving.drain();
  assert.deepEqual([...house.alerts], []);
  house.clock.now += 2 * hour;
  await house.arriving.drain();
  assert.deepEqual([...house.alerts], ["mail-backlog"]);
  const states = (await house.check()).map(({ name, status }) => `${name} ${status}`);
  assert.deepEqual(states, ["bucket ok", "backlog failed"]);
  house.failing.clear();
  house.clock.now += 2 * hour;
  await house.arriving.drain();
  assert.deepEqual([...house.alerts], []);
});

test("a bucket that is away is told of after an hour, one that refuses the key at once, and one that nobody asks never", async (t) => {
  let fault: "unreachable" | "refused" | "closed" | undefined;
  const house = await openHouse(t, {
    broken: () => fault && new MailBucketError(fault, `The bucket: ${fault}.`),
  });
  const drain = async (state: typeof fault): Promise<string[]> => {
    fault = state;
    await house.arriving.drain().catch(() => {});
    return [...house.alerts];
  };
  assert.deepEqual(await drain(undefined), []);
  assert.deepEqual(await drain("unreachable"), []);
  house.clock.now += hour;
  assert.deepEqual(await drain("unreachable"), ["mail-bucket"]);
  assert.equal((await house.check())[0]?.status, "failed");
  assert.deepEqual(await drain(undefined), []);
  assert.deepEqual(await drain("closed"), []);
  assert.deepEqual(await drain(undefined), []);
  assert.deepEqual(await drain("refused"), ["mail-bucket"]);
  assert.deepEqual(await drain(undefined), []);
  assert.equal((await house.check())[0]?.status, "ok");
});

test("a disk that takes nothing is told of at once, costs no message a try, and is told to be well again", async (t) => {
  const house = await openHouse(t);
  const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  for (const sender of ["a", "b"]) {
    house.put(sender);
    house.failing.set(sender, full);
  }
  await assert.rejects(house.arriving.drain(), /no space left/);
  assert.deepEqual([...house.alerts], ["mail-bucket"]);
  house.failing.clear();
  assert.equal((await house.arriving.drain()).delivered, 2);
  assert.deepEqual([[...house.alerts], house.filed()], [[], 2]);
});

test("a key that may not delete keeps no mail out, is told of, and files nothing twice", async (t) => {
  let fault: Error | undefined = new MailBucketError("refused", "The bucket: the deletion was answered 403.");
  const house = await openHouse(t, { unremovable: () => fault });
  for (let at = 0; at < 3; at += 1) house.put("a");
  for (let look = 0; look < 2; look += 1) {
    await assert.rejects(house.arriving.drain(), /the deletion was answered 403/);
    assert.deepEqual([house.filed(), house.bucket.objects.size, [...house.alerts]], [3, 3, ["mail-bucket"]]);
  }
  fault = undefined;
  await house.arriving.drain();
  assert.deepEqual([house.filed(), house.bucket.objects.size, [...house.alerts]], [3, 0, []]);
});

test("what was delivered is remembered for a week, and then forgotten", async (t) => {
  const house = await openHouse(t);
  const object = house.put("a");
  await house.arriving.drain();
  assert.ok(house.arriving.arrivals.known([object]).has(object));
  await house.arriving.arrivals.forget(house.clock.now);
  assert.ok(house.arriving.arrivals.known([object]).has(object), "not before its time");
  await house.arriving.arrivals.forget(house.clock.now + 1);
  assert.ok(!house.arriving.arrivals.known([object]).has(object));
});

test("an update that is tried on a copy of the data fetches nothing: it would be gone with the copy", async (t) => {
  const bucket = await openPlainBucket();
  t.after(() => bucket.close());
  bucket.objects.set("pending/001764000000000-aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.eml", {
    body: Buffer.from("Subject: hello\r\n\r\nhello\r\n"),
    metadata: {},
  });
  const dataDir = join(temporaryFolder(t), "data");
  await makeMailFolder(dataDir, bucket.url);
  writeSecret(dataDir, "mail-bucket-secret", "the secret of the bucket");
  const listen = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  const config = readConfig({ dataDir, environment: {}, overrides: { listen } });
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  // A look under way is waited for by the end.
  for (const [trial, left] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const origin = await startOrigin({ config: trial ? forTrial(config) : config, log, trial });
    await origin.apps.find(({ name }) => name === "mail")?.doctor?.();
    await origin.close();
    assert.equal(bucket.objects.size, left);
  }
});

/** Push subscriptions (RFC 8620 §7.2): the code first, then what changed, to a push service over HTTPS. */
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { test, type TestContext } from "node:test";
import { areKeys, composePush } from "../../../../origin/apps/mail/push/push-message.ts";
import { startPush } from "../../../../origin/apps/mail/push/push.ts";
import { createSubscriptionStore } from "../../../../origin/apps/mail/sending/push-subscription-store.ts";
import { createLog } from "../../../../origin/host/log.ts";
import { makeCertificate } from "../../../host/outbound/certificate.ts";
import { benchOutbound, startStand } from "../../../host/outbound/outbound-bench.ts";
import { openMailbox } from "../open-mailbox.ts";

async function openService(t: TestContext, statuses: number[] = []) {
  const { database, changes, account } = await openMailbox(t);
  const events = new EventEmitter();
  const certificate = makeCertificate("push.example.org");
  const stand = await startStand(
    t,
    (_request, response) => {
      response.writeHead(statuses.shift() ?? 201).end();
      events.emit("push");
    },
    certificate,
  );
  const { outbound } = benchOutbound(t, {
    names: { "push.example.org": ["198.51.100.7"] },
    stands: { "198.51.100.7:443": stand },
    authority: certificate.cert,
  });
  const subscriptions = createSubscriptionStore(database, Date.now);
  const log = createLog({ level: "error", now: Date.now, write: (line) => assert.fail(line) });
  const standing = { mayFollow: () => true };
  const push = startPush(
    { changes, subscriptions, outbound, log, now: Date.now },
    {
      subscriptionId: (id) => `p${id}`,
      accountId: (id) => `u${id}`,
      state: (id, type) => String(changes.state(id, type)),
      mayFollow: () => standing.mayFollow(),
    },
    1,
  );
  t.after(() => push.close());
  return {
    push,
    standing,
    subscriptions,
    stand,
    subscribe: (more: { keys?: string; types?: string } = {}) =>
      subscriptions.insert({
        account,
        device: "phone",
        url: "https://push.example.org/x",
        keys: null,
        types: null,
        ...more,
        code: "the code",
        expiresAt: Date.now() + 60_000,
      }),
    change: (...types: ("Email" | "Mailbox")[]) =>
      database.write((transaction) => void changes.next(transaction, account, ...types)),
    pushed: async (count: number) => {
      while (stand.seen.length < count) await once(events, "push");
    },
  };
}

const verified = { verified: true, expiresAt: Date.now() + 60_000, types: null };

test("the code goes out at once, changes only when it was said back, in the kinds that are wanted", async (t) => {
  const { push, subscriptions, stand, subscribe, change, pushed } = await openService(t);
  const row = await subscribe();
  push.verify(row);
  await pushed(1);
  await change("Email", "Mailbox");
  assert.deepEqual(JSON.parse(stand.seen[0]?.body ?? ""), {
    "@type": "PushVerification",
    pushSubscriptionId: `p${row.id}`,
    verificationCode: "the code",
  });
  assert.match(String(stand.seen[0]?.headers["ttl"]), /^\d+$/);
  await subscriptions.update(row.id, { ...verified, types: '["Email"]' });
  await change("Mailbox");
  await change("Email", "Mailbox");
  await pushed(2);
  const { changed } = JSON.parse(stand.seen[1]?.body ?? "");
  assert.deepEqual(Object.keys(changed.u7), ["Email"]);
  assert.equal(stand.seen.length, 2);
});

test("nothing is pushed for a member who may do nothing, until they may again", async (t) => {
  const { standing, subscriptions, stand, subscribe, change, pushed } = await openService(t);
  const row = await subscribe();
  await subscriptions.update(row.id, verified);
  const asked = Promise.withResolvers<void>();
  standing.mayFollow = () => {
    asked.resolve();
    return false;
  };
  await change("Email");
  await asked.promise;
  standing.mayFollow = () => true;
  await change("Mailbox");
  await pushed(1);
  assert.deepEqual(Object.keys(JSON.parse(stand.seen[0]?.body ?? "").changed.u7), ["Mailbox"]);
});

/** RFC 8291 §3.4 and RFC 8188 §2, as a device undoes them. */
function decrypt(body: Buffer, device: ECDH, auth: string): string {
  const [salt, server, record] = [body.subarray(0, 16), body.subarray(21, 21 + 65), body.subarray(86)];
  const derive = (from: Uint8Array, by: Uint8Array, info: Buffer, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", from, by, info, bytes));
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), device.getPublicKey(), server]);
  const input = derive(device.computeSecret(server), Buffer.from(auth, "base64url"), info, 32);
  const key = derive(input, salt, Buffer.from("Content-Encoding: aes128gcm\0"), 16);
  const nonce = derive(input, salt, Buffer.from("Content-Encoding: nonce\0"), 12);
  const decipher = createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(record.subarray(-16));
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
  return padded.subarray(0, padded.lastIndexOf(2)).toString();
}

test("with keys only the device reads it; keys that are none are seen", async () => {
  const device = createECDH("prime256v1");
  const p256dh = device.generateKeys("base64url");
  const auth = randomBytes(16).toString("base64url");
  const { headers, body } = await composePush({ keys: JSON.stringify({ p256dh, auth }) }, { "@type": "x" });
  assert.equal(headers["content-encoding"], "aes128gcm");
  assert.ok(Buffer.isBuffer(body));
  assert.equal(decrypt(body, device, auth), '{"@type":"x"}');
  assert.ok(areKeys(p256dh, auth));
  for (const [point, secret] of [
    [p256dh, "short"],
    [`${p256dh.slice(0, -4)}AAAA`, auth],
    ["", auth],
    [device.getPublicKey("base64url", "compressed"), auth],
  ] as const)
    assert.ok(!areKeys(point, secret));
});

test("a push service that knows it no more ends the subscription; one that is ill gets it again later", async (t) => {
  const { subscriptions, subscribe, change, pushed } = await openService(t, [503, 410]);
  const ill = await subscribe();
  await subscriptions.update(ill.id, verified);
  await change("Email");
  await pushed(1);
  assert.equal(subscriptions.list(7).length, 1);
  await subscriptions.remove(ill.id);
  const gone = await subscribe();
  await subscriptions.update(gone.id, verified);
  await change("Email");
  await pushed(2);
  while (subscriptions.list(7).length > 0) await new Promise(setImmediate);
});

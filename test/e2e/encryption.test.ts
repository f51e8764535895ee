/**
 * What keeps an encrypted history readable when devices come and go: backup and recovery key, a dehydrated device,
 * the reset of everything. matrix-js-sdk with its Rust crypto, as Element Web uses it, over the real Worker and origin.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { Device, MatrixClient, UIAuthCallback } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api/index.js";
import { RustBackupManager } from "matrix-js-sdk/lib/rust-crypto/backup.js";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { createMatrixClient } from "../support/matrix-client.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

// A client waits for so long at most before it backs up new keys.
Object.defineProperty(RustBackupManager, "maxBackupLoopStartDelayMillis", { value: 0 });

const root = fileURLToPath(new URL("../..", import.meta.url));
const passwordOf = (name: string): string => `correct horse of ${name}`;

let dataDir: string;
let origin: TestOrigin;
let edge: RunningEdge;
const clients: MatrixClient[] = [];
/** Ada's, once she has one. All her devices know it: she types it in. */
let recoveryKey: Uint8Array<ArrayBuffer> | undefined;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "burrow encryption "));
  const port = await freePort();
  origin = await startTestOrigin({ dataDir, publicUrl: `http://127.0.0.1:${port}` });
  edge = await startEdge({
    root,
    origin: new URL(origin.facts.url).host,
    edgeKey: origin.facts.edgeKey,
    hosts: origin.facts.hosts,
    port,
    persistDir: join(dataDir, "edge"),
  });
  const { members } = origin.origin;
  await members.createOwner({ name: "ben", password: passwordOf("ben") });
  const invite = { name: "ada", uses: 1, expiresInMs: 3_600_000, createdBy: null };
  const { token } = await members.createInvite(invite);
  await members.register({ name: "ada", password: passwordOf("ada"), inviteToken: token });
});

after(async () => {
  for (const client of clients) client.stopClient();
  await edge?.stop();
  await origin?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const authOf = (name: string) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user: name },
  password: passwordOf(name),
});

async function signIn(name: string): Promise<MatrixClient> {
  const response = await fetch(new URL("/_matrix/client/v3/login", edge.url), {
    method: "POST",
    body: JSON.stringify(authOf(name)),
  });
  const account = (await response.json()) as Record<string, string>;
  const client = await createMatrixClient(edge.url, account, {
    lazy: true,
    cryptoCallbacks: {
      getSecretStorageKey: ({ keys }) => {
        const [id] = Object.keys(keys);
        return Promise.resolve(id !== undefined && recoveryKey ? [id, recoveryKey] : null);
      },
    },
  });
  clients.push(client);
  return client;
}

function cryptoOf(client: MatrixClient): CryptoApi {
  const crypto = client.getCrypto();
  assert.ok(crypto);
  return crypto;
}

/** The first value that is not falsy, looked for after each thing that the client hears. */
async function seen<T>(
  client: MatrixClient,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
): Promise<T> {
  for (;;) {
    const news = new Promise<void>((resolve) => {
      for (const event of [
        "sync",
        "Event.decrypted",
        "crypto.devicesUpdated",
        "crypto.keyBackupSessionsRemaining",
      ]) {
        client.once(event as never, (() => resolve()) as never);
      }
    });
    const found = await look();
    if (found) return found;
    await news;
  }
}

const text = (body: string) => ({ msgtype: "m.text", body }) as never;

/** Resolves when the client reads the words in clear. */
const reads = (client: MatrixClient, roomId: string, eventId: string, body: string) =>
  seen(client, () => client.getRoom(roomId)?.findEventById(eventId)?.getContent()["body"] === body);

const roomKeys = (client: MatrixClient) =>
  client.http.authedRequest<{ count: number; version: string }>("GET" as never, "/room_keys/version");

/** The recovery key was typed in: the device gets the secrets that the server keeps under it. */
async function unlock(client: MatrixClient): Promise<void> {
  const crypto = cryptoOf(client);
  assert.ok(await crypto.userHasCrossSigningKeys(client.getSafeUserId(), true));
  await crypto.bootstrapCrossSigning({
    authUploadDeviceSigningKeys: () => assert.fail("there are keys already"),
  });
  await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
}

/** As the person does, who is asked for the password. */
const confirm: UIAuthCallback<void> = async (request) => {
  const challenge = await request(null).catch((error: { data: { session: string } }) => error.data);
  assert.ok(challenge && "session" in challenge, "new keys in the place of others need the password");
  return request({ ...authOf("ada"), session: challenge.session });
};

test("ada's history outlives her devices, and her keys can be made anew", async () => {
  const [phone, ben] = await Promise.all([signIn("ada"), signIn("ben")]);
  const mine = cryptoOf(phone);
  await mine.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (request) => request(null) });
  await mine.bootstrapSecretStorage({
    setupNewKeyBackup: true,
    async createSecretStorageKey() {
      const made = await mine.createRecoveryKeyFromPassphrase();
      recoveryKey = made.privateKey;
      return made;
    },
  });
  const { version } = await roomKeys(phone);
  assert.equal(await mine.getActiveSessionBackupVersion(), version);

  const { room_id: roomId } = await ben.createRoom({
    preset: "trusted_private_chat" as never,
    invite: [phone.getSafeUserId()],
    initial_state: [
      { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
    ],
  });
  await seen(phone, () => phone.getRoom(roomId));
  await phone.joinRoom(roomId);
  await seen(ben, () => ben.getRoom(roomId)?.getJoinedMemberCount() === 2);
  const { event_id: first } = await ben.sendMessage(roomId, text("before the tablet"));
  await reads(phone, roomId, first, "before the tablet");
  await seen(phone, async () => (await roomKeys(phone)).count > 0);

  // A new device has no key of that; the recovery key opens the backup, and vouches for the device.
  const tablet = await signIn("ada");
  const restoring = cryptoOf(tablet);
  await unlock(tablet);
  const restored = await restoring.restoreKeyBackup();
  assert.ok(restored.imported > 0 && restored.imported === restored.total);
  await reads(tablet, roomId, first, "before the tablet");
  const status = await restoring.getDeviceVerificationStatus(
    phone.getSafeUserId(),
    String(tablet.getDeviceId()),
  );
  assert.equal(status?.crossSigningVerified, true);

  // A dehydrated device hears what is said while nobody is signed in.
  assert.equal(await mine.isDehydrationSupported(), true);
  await mine.startDehydration();
  const ofAda = async (client: MatrixClient) =>
    [...((await cryptoOf(client).getUserDeviceInfo([phone.getSafeUserId()], true)).values() ?? [])].flatMap(
      (devices) => [...devices.values()],
    );
  const asleep = await seen(ben, async () => (await ofAda(ben)).find((device) => device.dehydrated));
  await Promise.all([phone.logout(true), tablet.logout(true)]);
  await seen(ben, async () => (await ofAda(ben)).length === 1);
  // Another key than the one that the backup has.
  await cryptoOf(ben).forceDiscardSession(roomId);
  const { event_id: second } = await ben.sendMessage(roomId, text("while she was away"));

  const laptop = await signIn("ada");
  const waking = cryptoOf(laptop);
  await unlock(laptop);
  await waking.startDehydration();
  await reads(laptop, roomId, second, "while she was away");
  // The next one has taken its place.
  const isNext = (device: Device) => device.dehydrated && device.deviceId !== asleep.deviceId;
  await seen(ben, async () => (await ofAda(ben)).some(isNext));

  // Everything anew: only with the password, and others hear of it.
  const known = await cryptoOf(ben).getUserVerificationStatus(phone.getSafeUserId());
  assert.equal(known.needsUserApproval, false);
  await waking.resetEncryption(confirm);
  assert.notEqual((await roomKeys(laptop)).version, version);
  await seen(ben, async () => {
    await ofAda(ben);
    return (await cryptoOf(ben).getUserVerificationStatus(phone.getSafeUserId())).needsUserApproval;
  });
  const { event_id: third } = await ben.sendMessage(roomId, text("and on it goes"));
  await reads(laptop, roomId, third, "and on it goes");
});

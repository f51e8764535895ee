/**
 * A day of ordinary clients: matrix-js-sdk as Element Web uses it, several people and devices, over the real Worker
 * and origin. Each step waits until the other side has seen it. What the clients ask for and are refused is counted:
 * they must be able to do without it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { EventStatus, type MatrixClient, type Room } from "matrix-js-sdk";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { createMatrixClient } from "../support/matrix-client.ts";
import { freePort } from "../support/origin-process.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";
import { verifyBySas } from "./verify-by-sas.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const passwordOf = (name: string): string => `correct horse of ${name}`;

let dataDir: string;
let origin: TestOrigin;
let edge: RunningEdge;
const clients: MatrixClient[] = [];
const refusals = new Set<string>();
let ada: MatrixClient;
let ben: MatrixClient;
let cleo: MatrixClient;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "burrow clients "));
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
  await members.createOwner({ name: "dora", password: passwordOf("dora") });
  const { token } = await members.createInvite({
    name: "clients",
    uses: 3,
    expiresInMs: 3_600_000,
    createdBy: null,
  });
  for (const name of ["ada", "ben", "cleo"]) {
    await members.register({ name, password: passwordOf(name), inviteToken: token });
  }
  [ada, ben, cleo] = await Promise.all([signIn("ada"), signIn("ben"), signIn("cleo")]);
});

after(async () => {
  for (const client of clients) client.stopClient();
  await edge?.stop();
  await origin?.close();
  await rm(dataDir, { recursive: true, force: true });
});

/**
 * One client's fetch, which notes what is refused: status, method, path without its parameters, and code. What /sync
 * answers waits for the answers to what the client is sending: where /sync brings a reply in a thread to its sender
 * before its PUT is answered, matrix-js-sdk looks for it only in the main timeline, takes it for somebody else's and
 * sends it again and again.
 */
function notingFetch(): typeof fetch {
  const sending = new Set<Promise<unknown>>();
  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const answer = fetch(input, init);
    if (init?.method === "PUT" && pathname.includes("/send/")) {
      // The client reads the answer some turns after it has come.
      const told = answer.then(
        () => delay(50),
        () => undefined,
      );
      sending.add(told);
      void told.then(() => sending.delete(told));
    }
    const response = await answer;
    if (pathname.endsWith("/sync")) await Promise.all(sending);
    if (response.status >= 400) {
      const path = pathname
        .replaceAll(/\/(?:[!#$@]|%21|%23|%24|%40)[^/]+/g, "/*")
        .replace(/^\/_matrix\/client/, "");
      const { errcode } = (await response.clone().json()) as { errcode?: string };
      refusals.add(`${response.status} ${init?.method ?? "GET"} ${path} ${errcode ?? ""}`.trim());
    }
    return response;
  };
}

async function signIn(name: string): Promise<MatrixClient> {
  const response = await fetch(new URL("/_matrix/client/v3/login", edge.url), {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: name },
      password: passwordOf(name),
    }),
  });
  const account = (await response.json()) as Record<string, string>;
  const client = await createMatrixClient(edge.url, account, { fetchFn: notingFetch(), lazy: true });
  clients.push(client);
  return client;
}

/** The first value that is not falsy, looked for after each thing that the client hears. */
async function seen<T>(
  client: MatrixClient,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
): Promise<T> {
  for (;;) {
    const news = new Promise<void>((resolve) => {
      for (const event of ["sync", "Event.decrypted", "Thread.update", "crypto.devicesUpdated"]) {
        client.once(event as never, (() => resolve()) as never);
      }
    });
    const found = await look();
    if (found) return found;
    await news;
  }
}

const idOf = (client: MatrixClient): string => client.getSafeUserId();
const membershipOf = (client: MatrixClient, roomId: string): string | undefined =>
  client.getRoom(roomId)?.getMyMembership();

/** A room that everybody has joined, and sees so. */
async function makeRoom(options: object, ...guests: MatrixClient[]): Promise<string> {
  const { room_id: roomId } = await ada.createRoom({ invite: guests.map(idOf), ...options });
  for (const guest of guests) {
    await seen(guest, () => membershipOf(guest, roomId) === "invite");
    await guest.joinRoom(roomId);
  }
  for (const client of [ada, ...guests]) {
    await seen(client, () => client.getRoom(roomId)?.getJoinedMemberCount() === guests.length + 1);
  }
  return roomId;
}

async function devicesOf(client: MatrixClient, owner: MatrixClient): Promise<string[]> {
  const devices = await client.getCrypto()?.getUserDeviceInfo([idOf(owner)], true);
  return [...(devices?.get(idOf(owner))?.keys() ?? [])];
}

const text = (body: string) => ({ msgtype: "m.text", body }) as never;
const roomAt = (client: MatrixClient, roomId: string): Room => {
  const room = client.getRoom(roomId);
  assert.ok(room);
  return room;
};

test("words, threads, edits, reactions, redactions and what goes with them", async () => {
  const roomId = await makeRoom({ name: "House" }, ben);
  const [mine, theirs] = [roomAt(ada, roomId), roomAt(ben, roomId)];
  const { event_id: first } = await ada.sendMessage(roomId, text("hello"));
  const heard = await seen(ben, () => theirs.findEventById(first));

  await ada.sendEvent(
    roomId,
    "m.room.message" as never,
    {
      ...(text("* hello all") as object),
      "m.new_content": text("hello all"),
      "m.relates_to": { rel_type: "m.replace", event_id: first },
    } as never,
  );
  await seen(ben, () => heard.getContent()["body"] === "hello all");

  // As a page does when somebody begins to write in a thread.
  theirs.createThread(first, heard, [], true);
  const { event_id: reply } = await ben.sendMessage(roomId, first, text("a reply in a thread"));
  await seen(ada, () => mine.getThread(first)?.length === 1);
  await seen(ada, () => mine.getThreadUnreadNotificationCount(first, "total" as never) === 1);
  await ada.sendReadReceipt(mine.findEventById(reply) ?? null);
  await seen(ada, () => mine.getThreadUnreadNotificationCount(first, "total" as never) === 0);
  await seen(ben, () => theirs.getThread(first)?.getReadReceiptForUserId(idOf(ada), true)?.eventId === reply);

  const reaction = { "m.relates_to": { rel_type: "m.annotation", event_id: first, key: "👍" } } as never;
  const { event_id: liked } = await ben.sendEvent(roomId, "m.reaction" as never, reaction);
  await assert.rejects(ben.sendEvent(roomId, "m.reaction" as never, reaction), {
    errcode: "M_DUPLICATE_ANNOTATION",
  });
  for (const pending of theirs
    .getLiveTimeline()
    .getEvents()
    .filter((event) => event.status === EventStatus.NOT_SENT)) {
    ben.cancelPendingEvent(pending);
  }
  await seen(ada, () => mine.findEventById(liked));
  await ada.redactEvent(roomId, liked, undefined, { reason: "no likes here" });
  await seen(ben, () => theirs.findEventById(liked)?.isRedacted());

  await ada.sendTyping(roomId, true, 20_000);
  await seen(ben, () => theirs.getMember(idOf(ada))?.typing);
  await ada.sendTyping(roomId, false, 0);
  await seen(ben, () => !theirs.getMember(idOf(ada))?.typing);
  await ben.setRoomReadMarkers(roomId, first, heard);
  await seen(ben, () => theirs.getAccountData("m.fully_read")?.getContent()["event_id"] === first);
  await ada.setRoomTag(roomId, "m.favourite", { order: 0.5 });
  await seen(ada, () => mine.tags["m.favourite"]);

  await ada.setDisplayName("Ada L.");
  await ada.setAvatarUrl("mxc://burrow.localhost/ada");
  await seen(ben, () => {
    const member = theirs.getMember(idOf(ada));
    return member?.rawDisplayName === "Ada L." && member.getMxcAvatarUrl() === "mxc://burrow.localhost/ada";
  });
});

test("people are invited, refuse, come, are removed, banned, ignored and raised", async () => {
  const roomId = await makeRoom({ name: "Hall", room_alias_name: "hall" }, ben);
  await ada.invite(roomId, idOf(cleo));
  await seen(cleo, () => membershipOf(cleo, roomId) === "invite" && cleo.getRoom(roomId)?.name === "Hall");
  await cleo.leave(roomId);
  await seen(ada, () => roomAt(ada, roomId).getMember(idOf(cleo))?.membership === "leave");
  await ada.invite(roomId, idOf(cleo));
  await seen(cleo, () => membershipOf(cleo, roomId) === "invite");
  await cleo.joinRoom("#hall:burrow.localhost");
  await seen(cleo, () => membershipOf(cleo, roomId) === "join");
  await ada.setPowerLevel(roomId, idOf(ben), 50);
  await seen(ben, () => roomAt(ben, roomId).getMember(idOf(ben))?.powerLevel === 50);
  await ben.kick(roomId, idOf(cleo), "for now");
  await seen(cleo, () => membershipOf(cleo, roomId) === "leave");
  await ben.ban(roomId, idOf(cleo));
  await seen(cleo, () => membershipOf(cleo, roomId) === "ban");
  await assert.rejects(cleo.joinRoom(roomId), { errcode: "M_FORBIDDEN" });
  await ben.unban(roomId, idOf(cleo));
  await cleo.forget(roomId);

  await ben.setIgnoredUsers([idOf(ada)]);
  await seen(ben, () => ben.isUserIgnored(idOf(ada)));
  const { event_id: unheard } = await ada.sendMessage(roomId, text("can you hear me?"));
  const { event_id: own } = await ben.sendMessage(roomId, text("silence at last"));
  await seen(ada, () => roomAt(ada, roomId).findEventById(own));
  await seen(ben, () => roomAt(ben, roomId).findEventById(own)?.status === null);
  assert.equal(roomAt(ben, roomId).findEventById(unheard), undefined);
  await ben.setIgnoredUsers([]);
  await seen(ben, () => !ben.isUserIgnored(idOf(ada)));
  await ben.setRoomMutePushRule("global", roomId, true);
  await seen(ben, () => ben.getRoomPushRule("global", roomId));
});

test("two devices of one person read an encrypted room, vouch for each other, and part", async () => {
  const roomId = await makeRoom(
    {
      preset: "trusted_private_chat",
      is_direct: true,
      initial_state: [
        { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
      ],
    },
    ben,
  );
  const second = await signIn("ben");
  await ben.getCrypto()?.bootstrapCrossSigning({
    authUploadDeviceSigningKeys: (request) => request(null),
  });
  // A device hears only those devices ask it of which it has been told.
  await seen(ben, async () => (await devicesOf(ben, ben)).includes(String(second.getDeviceId())));
  await verifyBySas(second, ben);
  for (const device of [ben, second]) {
    await seen(device, async () => {
      const status = await device
        .getCrypto()
        ?.getDeviceVerificationStatus(idOf(ben), String(second.getDeviceId()));
      return status?.crossSigningVerified;
    });
  }

  const { event_id: secret } = await ada.sendMessage(roomId, text("psst"));
  for (const device of [ben, second]) {
    await seen(device, () => device.getRoom(roomId)?.findEventById(secret)?.getContent()["body"] === "psst");
  }

  const gone = String(second.getDeviceId());
  const challenge = await ben.deleteDevice(gone).catch((error: { data: { session: string } }) => error.data);
  assert.ok("session" in challenge, "a device goes only with the password");
  const identifier = { type: "m.id.user", user: "ben" };
  const auth = {
    type: "m.login.password",
    identifier,
    password: passwordOf("ben"),
    session: challenge.session,
  };
  await ben.deleteDevice(gone, auth);
  await assert.rejects(second.whoami(), { errcode: "M_UNKNOWN_TOKEN" });
  await seen(ada, async () => !(await devicesOf(ada, ben)).includes(gone));
  assert.deepEqual(await devicesOf(ada, ben), [ben.getDeviceId()]);
});

test("whatever was refused so far, the clients know how to do without", () => {
  const expected = [
    // What the tests provoked.
    "400 PUT /v3/rooms/*/send/m.reaction/* M_DUPLICATE_ANNOTATION",
    "401 DELETE /v3/devices/*",
    "401 GET /v3/account/whoami M_UNKNOWN_TOKEN",
    "401 GET /v3/sync M_UNKNOWN_TOKEN",
    "403 POST /v3/join/* M_FORBIDDEN",
    // No backup of keys, no calls: what clients find out at their start.
    "404 GET /unstable/org.matrix.msc4143/rtc/transports M_UNRECOGNIZED",
    "404 GET /v3/room_keys/version M_NOT_FOUND",
  ];
  const plain = [...refusals].map((line) =>
    line.replace(/(?<=m\.reaction\/)\S+/, "*").replace(/(?<=devices\/)\S+/, "*"),
  );
  assert.deepEqual(
    plain.filter((line) => !expected.includes(line)),
    [],
  );
});

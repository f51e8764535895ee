/** Backups of a server that runs, and what its people find after a restore. */
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { identityFile } from "../../../origin/host/backup/backup-keys.ts";
import { createBackups } from "../../../origin/host/backup/backup.ts";
import { coreArea, findUncovered } from "../../../origin/host/backup/registry.ts";
import { openHostDatabase } from "../../../origin/host/host-database.ts";
import { createLog } from "../../../origin/host/log.ts";
import { knownDatabases } from "../../../origin/known-databases.ts";
import { openDatabases } from "../../../origin/storage/databases.ts";
import { memberPassword, ownerPassword } from "../../members/open-members.ts";
import { type Answer, createSignedClient, type SignedClient } from "../../support/signed-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../../support/test-origin.ts";
import { restoreInto } from "./data-folder.ts";

type Cleanup = Parameters<typeof temporaryFolder>[0];

interface House extends TestOrigin {
  readonly client: SignedClient;
  matrix(method: string, path: string, token?: string, body?: unknown): Promise<Answer>;
}

async function openHouse(t: Cleanup, dataDir: string): Promise<House> {
  const home = await startTestOrigin({ dataDir });
  const client = createSignedClient({
    origin: home.facts.url,
    edgeKey: home.facts.edgeKey,
    host: "burrow.localhost",
  });
  const close = async (): Promise<void> => {
    client.close();
    await home.close();
  };
  t.after(close);
  return {
    ...home,
    client,
    close,
    matrix: (method, path, token, body) =>
      client.request({ method, path: `/_matrix/client/v3/${path}`, token, body }),
  };
}

async function signIn(house: House, user: string, password: string): Promise<Answer> {
  const identifier = { type: "m.id.user", user };
  return house.matrix("POST", "login", undefined, { type: "m.login.password", identifier, password });
}

/** Beside the running server, as the command line makes one. */
async function backUp(house: House, to: string): Promise<string> {
  const { config } = house.origin;
  const databases = openDatabases(config.dataDir);
  const log = createLog({ level: "error", now: Date.now, write: () => {} });
  const outbound = { fetch: () => Promise.reject(new Error("nothing goes out here")) };
  const backups = createBackups({
    config,
    areas: [...house.origin.apps.map((app) => app.backup), coreArea],
    database: openHostDatabase(databases),
    outbound,
    log,
    now: Date.now,
  });
  try {
    return (await backups.create({ to })).path;
  } finally {
    await backups.close();
    await databases.close();
  }
}

test("whatever lies in a running server's folder is in the backup, or on the list of what never is", async (t) => {
  const dataDir = join(temporaryFolder(t), "data");
  const { origin } = await openHouse(t, dataDir);
  const areas = [...origin.apps.map((app) => app.backup), coreArea];
  assert.deepEqual(findUncovered(dataDir, areas), []);
  // A restore happens where no app runs: it must know each database without them, and each blob folder.
  const databases = areas.flatMap((area) => area.databases);
  assert.deepEqual(knownDatabases.map(({ name }) => name).toSorted(), databases.toSorted());
  for (const { name, backup } of origin.apps) {
    for (const folder of backup.blobs) assert.ok(coreArea.blobs.includes(folder), `${name}: ${folder}`);
  }
});

test("an app that keeps a file of its own is noticed", async (t) => {
  const dataDir = temporaryFolder(t);
  const databases = openDatabases(dataDir);
  databases.open("forgotten", []);
  await databases.close();
  assert.deepEqual(findUncovered(dataDir, [coreArea]), ["databases/forgotten.db"]);
});

test("after a restore members sign in, old sessions do not, and clients hear of what was lost", async (t) => {
  const root = temporaryFolder(t);
  const dataDir = join(root, "data");
  let house = await openHouse(t, dataDir);
  await house.origin.members.createOwner({ name: "ada", password: ownerPassword });
  const invite = await house.origin.members.createInvite({
    name: "",
    uses: 2,
    expiresInMs: 1e9,
    createdBy: null,
  });
  const auth = { type: "m.login.registration_token", token: invite.token };
  await house.matrix("POST", "register", undefined, { username: "ben", password: memberPassword, auth });
  const ada = (await signIn(house, "ada", ownerPassword)).json<{ access_token: string; device_id: string }>();
  const token = ada.access_token;
  const room = (await house.matrix("POST", "createRoom", token, {})).json<{ room_id: string }>().room_id;
  const send = async (text: string): Promise<void> => {
    const path = `rooms/${encodeURIComponent(room)}/send/m.room.message/${text}`;
    assert.equal((await house.matrix("PUT", path, token, { msgtype: "m.text", body: text })).status, 200);
  };
  await send("before");
  const upload = async (content: string): Promise<string> => {
    const request = { method: "POST", path: "/_matrix/media/v3/upload", token, body: content };
    const answer = (await house.client.request(request)).json<{ content_uri: string }>();
    return answer.content_uri.slice("mxc://".length);
  };
  const [picture, unfinished] = [await upload("a picture"), "/_matrix/media/unstable/burrow/resumable"];
  const tus = { "tus-resumable": "1.0.0", "upload-length": "9" };
  const begun = await house.client.request({ method: "POST", path: unfinished, token, headers: tus });
  assert.equal(begun.status, 201);

  const archive = await backUp(house, join(root, "target"));
  await send("after");
  const later = await upload("another picture");
  const lost = (await house.matrix("GET", "sync", token)).json<{ next_batch: string }>().next_batch;
  const identity = join(root, "identity.txt");
  renameSync(identityFile(dataDir), identity);
  await assert.rejects(restoreInto(dataDir, archive, { identity }), { name: "DataLockError" });
  await house.close();
  await restoreInto(dataDir, archive, { identity });

  house = await openHouse(t, dataDir);
  const refused = await house.matrix("GET", "account/whoami", token);
  assert.equal(refused.status, 401);
  assert.equal(refused.json()["soft_logout"], true, "the client keeps its keys and asks for the password");
  assert.equal(house.origin.members.inviteValid(invite.token), false, "it may have been revoked since");
  assert.equal((await signIn(house, "ben", memberPassword)).status, 200);
  const again = (await signIn(house, "ada", ownerPassword)).json<{ access_token: string }>().access_token;

  const download = (media: string, as: string): Promise<Answer> =>
    house.client.request({ method: "GET", path: `/_matrix/client/v1/media/download/${media}`, token: as });
  assert.equal((await download(picture, again)).text, "a picture");
  assert.equal((await download(later, again)).status, 404);
  const gone = String(begun.headers["location"]);
  const headers = { "tus-resumable": "1.0.0" };
  assert.equal(
    (await house.client.request({ method: "HEAD", path: gone, token: again, headers })).status,
    404,
  );

  interface Sync {
    next_batch: string;
    rooms: {
      join: Record<string, { timeline: { limited: boolean; events: { content: { body?: string } }[] } }>;
    };
  }
  const sync = async (since: string): Promise<Sync> =>
    (await house.matrix("GET", `sync?since=${since}`, again)).json<Sync & Record<string, unknown>>();
  const first = await sync(lost);
  const timeline = first.rooms.join[room]?.timeline;
  assert.equal(timeline?.limited, true);
  assert.equal(timeline.events.at(-1)?.content.body, "before");
  // Much has happened here since: the lost token must not be taken for an older one of this time.
  const path = `rooms/${encodeURIComponent(room)}/send/m.room.message/`;
  for (let index = 0; index < 20; index += 1) {
    await house.matrix("PUT", `${path}new-${index}`, again, { msgtype: "m.text", body: `new ${index}` });
  }
  assert.equal((await sync(lost)).rooms.join[room]?.timeline.limited, true);
  const next = (await sync(first.next_batch)).rooms.join[room]?.timeline;
  assert.equal(next?.events.at(-1)?.content.body, "new 19", "positions go on");
});

/** What the command line does to members and rooms beside a running daemon, and without one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runCommand } from "../support/run-command.ts";
import { createSignedClient, type SignedClient } from "../support/signed-client.ts";
import { startTestOrigin, type TestOrigin } from "../support/test-origin.ts";

let folder: string;
let data: string;
let origin: TestOrigin;
let client: SignedClient;
let token: string;
const password = "violet anchor ninety canoes";

const burrow = (...args: string[]) => runCommand(["--data", data, "--json", ...args]);

async function ask(method: string, path: string, body?: object, as = token) {
  const answer = await client.request({ method, path: `/_matrix/client/v3${path}`, token: as, body });
  // oxlint-disable-next-line typescript/no-explicit-any -- the server's word is what a test checks
  return { status: answer.status, body: answer.json<any>() };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "burrow-moderation-"));
  data = join(folder, "data");
  origin = await startTestOrigin({ dataDir: data });
  client = createSignedClient({
    origin: origin.facts.url,
    edgeKey: origin.facts.edgeKey,
    host: "burrow.localhost",
  });
  const { members } = origin.origin;
  await members.createOwner({ name: "keeper", password });
  const ada = await members.createAccount({ name: "ada", password });
  token = (await members.openSession(ada.id, { address: "192.0.2.1" })).accessToken;
});
after(async () => {
  client.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

test("rooms are listed, shown and deleted by the daemon", async () => {
  const made = await ask("POST", "/createRoom", { name: "Kitchen" });
  const id = made.body.room_id;
  const { rooms } = (await burrow("room", "list", "--search", "kit")).json<{
    rooms: Record<string, unknown>[];
  }>();
  assert.deepEqual(
    rooms.map((room) => [room["room_id"], room["name"], room["members"]]),
    [[id, "Kitchen", 1]],
  );
  assert.equal((await burrow("room", "show", id)).json()["creator"], "@ada:burrow.localhost");
  const asked = await burrow("room", "delete", id);
  assert.deepEqual([asked.code, /--yes/.test(asked.stdout)], [1, true]);
  const deleted = await burrow("room", "delete", id, "--yes", "--reason", "spam");
  assert.equal(deleted.code, 0, deleted.stdout);
  assert.deepEqual((await ask("GET", "/joined_rooms")).body.joined_rooms, []);
  const unknown = await burrow("room", "show", id);
  assert.deepEqual([unknown.code, /no such room/.test(unknown.stdout)], [1, true]);
});

test("a member's messages are redacted, reports dealt with, and a notice sent", async () => {
  const room = encodeURIComponent((await ask("POST", "/createRoom", {})).body.room_id);
  for (let count = 0; count < 3; count += 1) {
    await ask("PUT", `/rooms/${room}/send/m.room.message/t${count}`, { msgtype: "m.text", body: "words" });
  }
  const redacted = await burrow("member", "redact", "ada");
  assert.equal(redacted.json<{ job: { done: number } }>().job.done, 3, redacted.stdout);
  assert.doesNotMatch(JSON.stringify((await ask("GET", `/rooms/${room}/messages?dir=b`)).body), /words/);

  await ask("POST", `/rooms/${room}/report`, { reason: "look" });
  const [report] = (await burrow("report", "list")).json<{ reports: { id: number; reason: string }[] }>()
    .reports;
  assert.equal(report?.reason, "look");
  assert.equal((await burrow("report", "resolve", String(report?.id), "--note", "seen")).code, 0);
  assert.deepEqual((await burrow("report", "list")).json()["reports"], []);
  assert.equal((await burrow("report", "resolve", "999")).code, 1);

  assert.equal((await burrow("notice", "send", "Hello")).code, 2);
  const sent = await burrow("notice", "send", "Hello", "--all");
  assert.equal(sent.json<{ job: { done: number } }>().job.done, 2, sent.stdout);
  assert.equal(Object.keys((await ask("GET", "/sync")).body.rooms.invite).length, 1);
});

test("one device is kicked, and a lock holds from the next request on", async () => {
  const { members } = origin.origin;
  const ada = members.find("ada");
  const phone = await members.openSession(ada?.id ?? 0, { deviceId: "PHONE", address: "192.0.2.1" });
  assert.match((await burrow("member", "devices", "ada")).stdout, /PHONE/);
  assert.equal((await burrow("member", "kick-device", "ada", "PHONE")).code, 0);
  assert.equal((await ask("GET", "/account/whoami", undefined, phone.accessToken)).status, 401);
  assert.equal((await burrow("member", "kick-device", "ada", "PHONE")).code, 1);
  assert.equal((await burrow("member", "lock", "ada")).json()["locked"], true);
  assert.equal((await ask("GET", "/account/whoami")).body.errcode, "M_USER_LOCKED");
  await burrow("member", "unlock", "ada");
  assert.equal((await ask("GET", "/account/whoami")).status, 200);
  assert.equal((await burrow("member", "erase", "ada")).json()["state"], "deactivated");
});

test("without a daemon it is said what to do", async () => {
  await origin.close();
  const outcome = await burrow("room", "list");
  assert.deepEqual([outcome.code, /burrow up/.test(outcome.stdout)], [1, true]);
  origin = await startTestOrigin({ dataDir: data });
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { memberPassword, ownerPassword } from "../members/open-members.ts";
import { type Answer, createSignedClient } from "../support/signed-client.ts";
import { startTestOrigin } from "../support/test-origin.ts";

/** A real origin, and a way to send many forms or registrations to it at the same time. */
async function openDoor(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "burrow-parallel-"));
  const home = await startTestOrigin({ dataDir: join(folder, "data") });
  const { origin, facts } = home;
  const client = createSignedClient({ origin: facts.url, edgeKey: facts.edgeKey, host: "127.0.0.1" });
  t.after(async () => {
    client.close();
    await home.close();
    await rm(folder, { recursive: true, force: true });
  });

  const sendForm = (path: string, fields: Record<string, string>): Promise<Answer> =>
    client.request({
      method: "POST",
      path,
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", origin: "https://127.0.0.1" },
    });
  return { members: origin.members, setupToken: facts.setupToken ?? "", client, sendForm };
}

function countStatuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test("50 claims at the same time make one owner", { timeout: 60_000 }, async (t) => {
  const { members, setupToken, sendForm } = await openDoor(t);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      sendForm("/setup", { token: setupToken, name: `owner${at}`, password: ownerPassword }),
    ),
  );
  assert.deepEqual(countStatuses(answers), { 201: 1, 409: 49 });
  assert.equal(members.list().length, 1);
  assert.equal(members.claimed(), true);
});

test("100 accepted invites with one token make one account", { timeout: 60_000 }, async (t) => {
  const { members, sendForm } = await openDoor(t);
  await members.createOwner({ name: "ada", password: ownerPassword });
  const { token } = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      sendForm("/invite", { token, name: `guest${at}`, password: memberPassword }),
    ),
  );
  // Whoever repeats a token that has become wrong is soon told to wait.
  const { 201: made, 403: refused = 0, 429: held = 0, 503: busy = 0 } = countStatuses(answers);
  assert.deepEqual([made, refused + held + busy], [1, 99]);
  assert.equal(members.list().length, 2);
  assert.deepEqual(
    members.listInvites().map(({ uses }) => uses),
    [1],
  );
});

test("100 Matrix registrations with one token make one account", { timeout: 60_000 }, async (t) => {
  const { members, client } = await openDoor(t);
  await members.createOwner({ name: "ada", password: ownerPassword });
  const { token } = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
  const path = "/_matrix/client/v3/register";
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => {
      const auth = { type: "m.login.registration_token", token };
      const body = { username: `guest${at}`, password: memberPassword, auth };
      return client.request({ method: "POST", path, body });
    }),
  );
  const { 200: made, 401: refused = 0, 429: busy = 0 } = countStatuses(answers);
  assert.deepEqual([made, refused + busy], [1, 99]);
  assert.equal(members.list().length, 2);
});

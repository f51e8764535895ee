import assert from "node:assert/strict";
import { test } from "node:test";
import { memberPassword, openHousehold, refusedAs, settle } from "./open-members.ts";

const password = memberPassword;

test("an invite lets one person in, and is then used up", async (t) => {
  const { members } = await openHousehold(t);
  const { invite } = await settle(members);
  // MSC3231: the grammar of registration tokens, so that clients take it too.
  assert.match(invite, /^bit_[A-Za-z0-9._~-]{1,60}$/);
  assert.equal(members.inviteValid(invite), true);
  const ben = await members.register({ name: "ben", password, inviteToken: invite });
  assert.deepEqual([ben.role, ben.state], ["member", "active"]);
  assert.equal(members.inviteValid(invite), false);
  assert.deepEqual(
    members.listInvites().map(({ uses, usesAllowed }) => [uses, usesAllowed]),
    [[1, 1]],
  );
  await assert.rejects(
    members.register({ name: "cleo", password, inviteToken: invite }),
    refusedAs("invite-invalid"),
  );
});

test("of 100 registrations with one invite exactly one makes an account, and few cost a derivation", async (t) => {
  const { members, kdf } = await openHousehold(t);
  const { invite } = await settle(members);
  const before = kdf.calls;
  const attempts = await Promise.allSettled(
    Array.from({ length: 100 }, (_, at) =>
      members.register({ name: `m${at}`, password, inviteToken: invite }),
    ),
  );
  assert.equal(attempts.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(members.list().length, 2);
  assert.equal(members.listInvites()[0]?.uses, 1);
  assert.ok(kdf.calls - before < 50, `${kdf.calls - before} derivations for one account`);
});

test("without a good invite nothing is learnt about names or passwords, and nothing is derived", async (t) => {
  const { members, kdf } = await openHousehold(t);
  await settle(members);
  const before = kdf.calls;
  const answers = [];
  for (const name of ["ada", "free", "??", "postmaster", ""]) {
    const attempt = members.register({ name, password, inviteToken: "bit_guess" });
    answers.push(await attempt.then(JSON.stringify, (error: Error) => error.message));
  }
  assert.equal(new Set(answers).size, 1, answers.join("\n"));
  assert.equal(kdf.calls, before);
});

test("a refused registration leaves the invite unused", async (t) => {
  const { members } = await openHousehold(t);
  const { invite: inviteToken } = await settle(members);
  await assert.rejects(members.register({ name: "Ada", password, inviteToken }), refusedAs("name-taken"));
  await assert.rejects(members.register({ name: "b n", password, inviteToken }), refusedAs("name-invalid"));
  await assert.rejects(
    members.register({ name: "ben", password: "short", inviteToken }),
    refusedAs("password-weak"),
  );
  assert.equal(members.inviteValid(inviteToken), true);
});

test("two people who wish for the same name at the same time: one gets it, the other keeps the invite", async (t) => {
  const { members } = await openHousehold(t);
  const { ownerId } = await settle(members);
  const invite = await members.createInvite({ name: "", uses: 2, expiresInMs: 1000, createdBy: ownerId });
  const both = await Promise.allSettled(
    [0, 1].map(() => members.register({ name: "ben", password, inviteToken: invite.token })),
  );
  const refused = both.filter((attempt) => attempt.status === "rejected");
  assert.equal(refused.length, 1);
  assert.ok(refusedAs("name-taken")(refused[0]?.reason as Error));
  assert.equal(members.listInvites().at(-1)?.uses, 1);
});

test("invites expire, and can be withdrawn once", async (t) => {
  const { members, clock } = await openHousehold(t);
  const { ownerId, invite } = await settle(members);
  const withdrawn = await members.createInvite({
    name: "Cleo",
    uses: 5,
    expiresInMs: 1000,
    createdBy: ownerId,
  });
  assert.equal(await members.revokeInvite(withdrawn.id), true);
  assert.equal(await members.revokeInvite(withdrawn.id), false);
  assert.equal(await members.revokeInvite(4711), false);
  assert.equal(members.inviteValid(withdrawn.token), false);
  assert.equal(members.inviteValid(invite), true);
  clock.now += 1000;
  assert.equal(members.inviteValid(invite), false);
});

test("nobody is invited to a server without an owner, and odd invites are refused", async (t) => {
  const { members } = await openHousehold(t);
  const wish = { name: "Ben", uses: 1, expiresInMs: 1000, createdBy: null };
  await assert.rejects(members.createInvite(wish), refusedAs("not-claimed"));
  await settle(members);
  for (const odd of [{ uses: 0 }, { uses: 1.5 }, { uses: 1001 }, { expiresInMs: 0 }, { expiresInMs: NaN }]) {
    await assert.rejects(
      members.createInvite({ ...wish, ...odd }),
      refusedAs("invite-invalid"),
      JSON.stringify(odd),
    );
  }
  assert.equal(members.listInvites().length, 1);
});

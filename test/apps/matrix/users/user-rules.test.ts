import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom, roomOf, say } from "./rooms.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});
after(() => fixture.close());

const path = "/v3/pushrules";
const get = (rest: string, user = ada) => fixture.request("GET", `${path}${rest}`, { token: user.token });
const put = (rest: string, body: unknown, user = ada) =>
  fixture.request("PUT", `${path}/global${rest}`, { token: user.token, body });
const remove = (rest: string) => fixture.request("DELETE", `${path}/global${rest}`, { token: ada.token });
const counts = (user: User, roomId: string) =>
  fixture.matrix.unread.inRoom(user.userId, roomOf(fixture, roomId).nid).total;

test("all rules are given with and without the slash at the end", async () => {
  for (const [rest, pick] of [
    ["", (body: { global: object }) => body.global],
    ["/", (body: { global: object }) => body.global],
    ["/global", (body: object) => body],
    ["/global/", (body: object) => body],
  ] as const) {
    const reply = await get(rest);
    assert.equal(reply.status, 200, rest);
    assert.deepEqual(Object.keys(pick(reply.body)).toSorted(), [
      "content",
      "override",
      "postcontent",
      "room",
      "sender",
      "underride",
    ]);
  }
});

test("a rule is made, read, switched off, changed and removed", async () => {
  assert.equal((await put("/content/cake", { pattern: "ca*e", actions: ["notify"] })).status, 200);
  assert.deepEqual((await get("/global/content/cake")).body, {
    rule_id: "cake",
    default: false,
    enabled: true,
    pattern: "ca*e",
    actions: ["notify"],
  });
  assert.equal((await put("/content/cake/enabled", { enabled: false })).status, 200);
  assert.deepEqual((await get("/global/content/cake/enabled")).body, { enabled: false });
  assert.equal((await put("/content/cake/actions", { actions: [] })).status, 200);
  assert.deepEqual((await get("/global/content/cake/actions")).body, { actions: [] });
  assert.equal((await remove("/content/cake")).status, 200);
  assert.equal((await get("/global/content/cake")).status, 404);
  assert.equal((await remove("/content/cake")).body.errcode, "M_NOT_FOUND");
});

test("the master rule stays first, however many rules of one's own there are", async () => {
  await put("/override/first", { conditions: [], actions: [] });
  await put("/override/second", { conditions: [], actions: [] });
  await fixture.request("PUT", `${path}/global/override/between?after=second`, {
    token: ada.token,
    body: { conditions: [], actions: [] },
  });
  const { override } = (await get("/global/")).body;
  assert.deepEqual(
    override.slice(0, 4).map((rule: { rule_id: string }) => rule.rule_id),
    [".m.rule.master", "second", "between", "first"],
  );
  for (const id of ["first", "second", "between"]) await remove(`/override/${id}`);
});

test("mistakes are 4xx and change nothing", async () => {
  const unchanged = (await get("/")).body;
  for (const [rest, body] of [
    ["/content/.m.mine", { pattern: "x", actions: [] }],
    ["/content/none", { pattern: 5, actions: [] }],
    ["/content/none", { pattern: "x" }],
    ["/content/none", { pattern: "x", actions: "notify" }],
    ["/unknown/none", { actions: [] }],
    ["/override/none?before=.m.rule.master", { actions: [] }],
    ["/override/none/enabled", { enabled: true }],
    ["/override/.m.rule.master/enabled", { enabled: "no" }],
  ] as const) {
    const { status } = await put(rest, body);
    assert.ok(status >= 400 && status < 500, `${rest} gave ${status}`);
  }
  assert.deepEqual((await get("/")).body, unchanged);
  assert.equal((await fixture.request("GET", `${path}/`)).status, 401);
});

test("a changed rule counts from the next event on, and reaches the user's devices", async () => {
  const { matrix } = fixture;
  const roomId = await makeRoom(fixture, ben, ada);
  await say(fixture, roomId, ben, "hello");
  assert.equal(counts(ada, roomId).notification_count, 1);
  const position = matrix.stream.current();
  const wait = matrix.waiters.wait(ada.userId, 60_000);
  assert.equal((await put("/override/.m.rule.master/enabled", { enabled: true })).status, 200);
  assert.equal(await wait.woken, true);
  const [entry] = matrix.accountData.changesSince(ada.userId, position, matrix.stream.current());
  assert.equal(entry?.type, "m.push_rules");
  await say(fixture, roomId, ben, "hello");
  assert.equal(counts(ada, roomId).notification_count, 1);

  await put("/override/.m.rule.master/enabled", { enabled: false });
  await put("/content/cake", { pattern: "cake", actions: ["notify", { set_tweak: "highlight" }] });
  await say(fixture, roomId, ben, "there is cake");
  assert.deepEqual(counts(ada, roomId), { notification_count: 2, highlight_count: 1 });
  assert.deepEqual(counts(ben, roomId), { notification_count: 0, highlight_count: 0 });
});

test("a change that was undone leaves the old rules in force", async () => {
  const { database, userRules } = fixture.matrix;
  const roomId = await makeRoom(fixture, ben, ada);
  const undone = database.write((transaction) => {
    userRules.change(transaction, ada.userId, (choices) => ({
      ...choices,
      defaults: { ".m.rule.master": { enabled: true } },
    }));
    assert.ok(userRules.evaluatorOf(ada.userId));
    throw new Error("undo");
  });
  await assert.rejects(undone, /undo/);
  await say(fixture, roomId, ben, "hello");
  assert.equal(counts(ada, roomId).notification_count, 1);
});

test("only people with an account here have rules", () => {
  const { userRules } = fixture.matrix;
  assert.ok(userRules.evaluatorOf(ada.userId));
  for (const userId of ["@nobody:burrow.localhost", "@ada:example.org"]) {
    assert.equal(userRules.evaluatorOf(userId), undefined);
  }
});

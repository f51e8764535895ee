import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});
after(() => fixture.close());

const filterType = "org.matrix.msc4155.invite_permission_config";

async function configure(type: string, content: object): Promise<void> {
  const path = `/v3/user/${encodeURIComponent(ada.userId)}/account_data/${type}`;
  assert.equal((await fixture.request("PUT", path, { token: ada.token, body: content })).status, 200);
}

/** Ben invites Ada to a new room: the error, and whether she is shown the room and is notified of it. */
async function invite(): Promise<{ errcode: string | undefined; shown: boolean; unread: number }> {
  const made = await fixture.request("POST", "/v3/createRoom", { token: ben.token, body: {} });
  const roomId: string = made.body.room_id;
  const reply = await fixture.request("POST", `/v3/rooms/${encodeURIComponent(roomId)}/invite`, {
    token: ben.token,
    body: { user_id: ada.userId },
  });
  const { body } = await fixture.request("GET", "/v3/sync", { token: ada.token });
  const { nid } = fixture.matrix.rooms.get(roomId)!;
  return {
    errcode: reply.body.errcode,
    shown: body.rooms?.invite?.[roomId] !== undefined,
    unread: fixture.matrix.unread.inRoom(ada.userId, nid).total.notification_count,
  };
}

test("who wants no invitations gets none, by the stable name and by the proposal's", async () => {
  for (const type of ["m.invite_permission_config", "org.matrix.msc4380.invite_permission_config"]) {
    await configure(type, { default_action: "block" });
    assert.deepEqual(await invite(), { errcode: "M_INVITE_BLOCKED", shown: false, unread: 0 });
    await configure(type, { default_action: "something else" });
    assert.deepEqual(await invite(), { errcode: undefined, shown: true, unread: 1 });
  }
});

test("the first rule that fits counts: users before servers, what allows before what ignores before what blocks", async () => {
  const allowed = { errcode: undefined, shown: true, unread: 1 };
  const ignored = { errcode: undefined, shown: false, unread: 0 };
  const blocked = { errcode: "M_INVITE_BLOCKED", shown: false, unread: 0 };
  for (const [content, expected] of [
    [{ blocked_users: ["@ben:*"] }, blocked],
    [{ ignored_users: ["@b?n:burrow.localhost"] }, ignored],
    [{ blocked_servers: ["*"] }, blocked],
    [{ ignored_servers: ["burrow.local*"], blocked_servers: ["*"] }, ignored],
    [{ allowed_users: [ben.userId], blocked_servers: ["*"] }, allowed],
    [{ allowed_servers: ["*"], ignored_users: ["*"] }, ignored],
    [{ ignored_users: ["*"], blocked_users: ["*"] }, ignored],
    [{ enabled: false, blocked_users: ["*"] }, allowed],
    [{ blocked_users: "everyone", blocked_servers: [5, null, {}] }, allowed],
    [{ blocked_users: ["@benny:*"] }, allowed],
    [{}, allowed],
  ] as const) {
    await configure(filterType, content);
    assert.deepEqual(await invite(), expected, JSON.stringify(content));
  }
});

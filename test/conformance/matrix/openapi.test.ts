/**
 * Every operation that is built, asked for in an ordinary way on a real server, and each answer held against the
 * specification's own OpenAPI schemas; every event seen on the way against the schema of its type.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { openSpecification, type Specification } from "../../support/openapi.ts";
import { createFixture, type Fixture, password, type User } from "../../apps/matrix/fixture.ts";
import { createDevice } from "./device.ts";
import { beyondTheDocuments } from "./beyond-the-documents.ts";
import { driveMedia } from "./drive-media.ts";
import { createDriver, type Driver, unnamed } from "./drive.ts";
import { replaceRoom } from "./replace-room.ts";
import { driveHistory } from "./drive-history.ts";
import { driveKeyBackups } from "./drive-key-backups.ts";
import { drivePush } from "./drive-push.ts";
import { driveRefusals } from "./drive-refusals.ts";
import { driveModeration } from "./drive-moderation.ts";

const folder = fileURLToPath(new URL("../../../../shared/matrix-spec", import.meta.url));
const skip = existsSync(folder) ? false : "skipped: not present: the specification's data beside the project";

let specification: Specification;
let fixture: Fixture;
let driver: Driver;
let ada: User;
let ben: User;

before(async () => {
  if (skip) return;
  specification = openSpecification(folder);
  fixture = await createFixture({ maxUploadSize: 4_000_000 });
  driver = createDriver(fixture, specification);
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});

after(() => fixture?.close());

const drive: Driver["drive"] = (...request) => driver.drive(...request);
const checkEvents: Driver["checkEvents"] = (...events) => driver.checkEvents(...events);

const authOf = (name: string) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user: name },
  password,
});

test("discovery", { skip }, async () => {
  await drive("GET", "/versions");
  await drive("GET", "/.well-known/matrix/client");
  await drive("GET", "/.well-known/matrix/support", {}, { status: 404 });
  await drive("GET", "/.well-known/matrix/policy_server", {}, { status: 404 });
  await drive("GET", "/v1/auth_metadata");
  await drive("GET", "/v3/capabilities", {}, { as: ada });
  await drive("GET", "/v3/thirdparty/protocols", {}, { as: ada });
  // The specification foresees no answer for a server without a relay: clients know an empty one.
  const relay = await fixture.request("GET", "/v3/voip/turnServer", { token: ada.token });
  assert.deepEqual([relay.status, relay.body], [200, {}]);
  driver.driven.add("GET /_matrix/client/v3/voip/turnServer");
  await drive("GET", "/v3/login");
});

test("what this server has not", { skip }, () => driveRefusals(driver, fixture, ada));

test("accounts, sessions and devices", { skip }, async () => {
  const token = await fixture.invite();
  const wanted = { username: "dora", password, initial_device_display_name: "Phone", refresh_token: true };
  await drive("GET", "/v3/register/available", {}, { query: { username: "dora" } });
  await drive("GET", "/v1/register/m.login.registration_token/validity", {}, { query: { token } });
  const asked = await drive("POST", "/v3/register", {}, { status: 401, body: wanted });
  const auth = { type: "m.login.registration_token", token, session: asked.body.session };
  const made = await drive("POST", "/v3/register", {}, { body: { ...wanted, auth } });
  await drive("POST", "/v3/register", {}, { status: 400, body: { username: "not a name", password } });
  await drive("POST", "/v3/refresh", {}, { body: { refresh_token: made.body.refresh_token } });
  await drive("POST", "/v3/refresh", {}, { status: 401, body: { refresh_token: "unknown" } });

  const identifier = { type: "m.id.user", user: "dora" };
  const login = { type: "m.login.password", identifier, password, device_id: "LAPTOP" };
  const signedIn = await drive("POST", "/v3/login", {}, { body: login });
  await drive("POST", "/v3/login", {}, { status: 403, body: { ...login, password: "wrong" } });
  await drive("POST", "/v3/login", {}, { status: 400, body: { type: "m.login.token" } });
  const dora: User = { ...ada, name: "dora", token: signedIn.body.access_token };
  await drive("GET", "/v3/account/whoami", {}, { as: dora });
  await drive("GET", "/v3/account/whoami", {}, { as: { ...dora, token: "unknown" }, status: 401 });
  await drive("GET", "/v3/account/3pid", {}, { as: dora });
  await drive("GET", "/v3/devices", {}, { as: dora });
  const laptop = { deviceId: "LAPTOP" };
  await drive("PUT", "/v3/devices/{deviceId}", laptop, { as: dora, body: { display_name: "Laptop" } });
  await drive("GET", "/v3/devices/{deviceId}", laptop, { as: dora });
  await drive("GET", "/v3/devices/{deviceId}", { deviceId: "OTHER" }, { as: dora, status: 404 });

  const phone = { deviceId: made.body.device_id as string };
  await drive("DELETE", "/v3/devices/{deviceId}", phone, { as: dora, status: 401, body: {} });
  await drive("DELETE", "/v3/devices/{deviceId}", phone, { as: dora, body: { auth: authOf("dora") } });
  const several = { devices: ["OTHER"] };
  await drive("POST", "/v3/delete_devices", {}, { as: dora, status: 401, body: several });
  await drive("POST", "/v3/delete_devices", {}, { as: dora, body: { ...several, auth: authOf("dora") } });
  const change = { new_password: `${password} anew`, logout_devices: false };
  await drive("POST", "/v3/account/password", {}, { as: dora, status: 401, body: change });
  await drive("POST", "/v3/account/password", {}, { as: dora, body: { ...change, auth: authOf("dora") } });
  await drive("POST", "/v1/login/get_token", {}, { as: dora, status: 401, body: {} });
  const anew = { ...authOf("dora"), password: `${password} anew` };
  const shown = await drive("POST", "/v1/login/get_token", {}, { as: dora, body: { auth: anew } });
  const byToken = { type: "m.login.token", token: shown.body.login_token as string };
  await drive("POST", "/v3/login", {}, { body: byToken });
  await drive("POST", "/v3/login", {}, { status: 403, body: byToken });
  await drive("POST", "/v3/logout", {}, { as: dora });

  const emil = await fixture.user("emil");
  await drive("POST", "/v3/logout/all", {}, { as: emil });
  const again = await fixture.user("emil");
  await drive("POST", "/v3/account/deactivate", {}, { as: again, status: 401, body: {} });
  await drive("POST", "/v3/account/deactivate", {}, { as: again, body: { auth: authOf("emil") } });
});

for (const version of ["7", "10", "11", "12"]) {
  test(`a room of version ${version}, from its making to its end`, { skip }, async () => {
    const cleo = await fixture.user("cleo");
    const made = await drive(
      "POST",
      "/v3/createRoom",
      {},
      {
        as: ada,
        body: {
          room_version: version,
          name: "Kitchen",
          topic: "What is for dinner",
          room_alias_name: `kitchen${version}`,
          preset: "public_chat",
          creation_content: { "m.federate": false },
          initial_state: [
            { type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } },
            { type: "m.room.avatar", content: { url: "mxc://burrow.localhost/picture" } },
          ],
          power_level_content_override: { events: { "org.example.state": 0 } },
          invite: [ben.userId],
        },
      },
    );
    const room = { roomId: made.body.room_id as string };
    const roomAlias = { roomAlias: `#second${version}:burrow.localhost` };
    await drive("POST", "/v3/createRoom", {}, { as: ada, status: 400, body: { preset: "cosy" } });

    await drive("POST", "/v3/rooms/{roomId}/join", room, { as: ben, body: {} });
    await drive(
      "POST",
      "/v3/join/{roomIdOrAlias}",
      { roomIdOrAlias: `#kitchen${version}:burrow.localhost` },
      {
        as: cleo,
        body: { reason: "dinner" },
      },
    );
    await drive("GET", "/v3/joined_rooms", {}, { as: ben });
    await drive("PUT", "/v3/directory/room/{roomAlias}", roomAlias, {
      as: ada,
      body: { room_id: room.roomId },
    });
    await drive("PUT", "/v3/directory/room/{roomAlias}", roomAlias, {
      as: ada,
      status: 409,
      body: { room_id: room.roomId },
    });
    await drive("GET", "/v3/directory/room/{roomAlias}", roomAlias, { as: ada });
    await drive("GET", "/v3/rooms/{roomId}/aliases", room, { as: ada });
    await drive("DELETE", "/v3/directory/room/{roomAlias}", roomAlias, { as: ada });
    await drive("GET", "/v3/directory/room/{roomAlias}", roomAlias, { as: ada, status: 404 });

    const say = async (user: User, content: object, eventType = "m.room.message"): Promise<string> => {
      const to = { ...room, eventType };
      const reply = await drive("PUT", "/v3/rooms/{roomId}/send/{eventType}/{txnId}", to, {
        as: user,
        body: content,
      });
      return reply.body.event_id;
    };
    const text = (body: string, more: object = {}) => ({ msgtype: "m.text", body, ...more });
    const first = await say(ben, text("Soup?"));
    const relates = (rel_type: string, more: object = {}) => ({
      "m.relates_to": { rel_type, event_id: first, ...more },
    });
    await say(cleo, relates("m.annotation", { key: "👍" }), "m.reaction");
    await say(ben, text("* Stew?", { "m.new_content": text("Stew?"), ...relates("m.replace") }));
    const reply = await say(ada, text("Which?", relates("m.thread")));
    await say(ada, text("See above", relates("m.reference")));
    const unwanted = await say(ben, text("Something to regret"));
    await drive(
      "PUT",
      "/v3/rooms/{roomId}/redact/{eventId}/{txnId}",
      { ...room, eventId: unwanted },
      {
        as: ben,
        body: { reason: "regret" },
      },
    );

    const state = { ...room, eventType: "m.room.topic", stateKey: "" };
    await drive("PUT", "/v3/rooms/{roomId}/state/{eventType}/{stateKey}", state, {
      as: ada,
      body: { topic: "What was for dinner" },
    });
    await drive("PUT", "/v3/rooms/{roomId}/state/{eventType}/{stateKey}", state, {
      as: cleo,
      status: 403,
      body: { topic: "Mine" },
    });
    await drive("GET", "/v3/rooms/{roomId}/state/{eventType}/{stateKey}", state, { as: ben });
    const nickname = { ...room, eventType: "m.room.member", stateKey: ben.userId };
    await drive("PUT", "/v3/rooms/{roomId}/state/{eventType}/{stateKey}", nickname, {
      as: ben,
      body: { membership: "join", displayname: "Chef" },
    });

    checkEvents((await drive("GET", "/v3/rooms/{roomId}/state", room, { as: ben })).body);
    checkEvents((await drive("GET", "/v3/rooms/{roomId}/members", room, { as: ben })).body.chunk);
    // Null where there is none, as peers have it: suites of others ask for the key.
    await drive("GET", "/v3/rooms/{roomId}/joined_members", room, { as: ben, except: /\.avatar_url / });
    const event = await drive(
      "GET",
      "/v3/rooms/{roomId}/event/{eventId}",
      { ...room, eventId: first },
      { as: cleo },
    );
    checkEvents([event.body]);
    const around = await drive(
      "GET",
      "/v3/rooms/{roomId}/context/{eventId}",
      { ...room, eventId: first },
      {
        as: cleo,
        query: { filter: JSON.stringify({ lazy_load_members: true }) },
      },
    );
    checkEvents([
      ...around.body.events_before,
      around.body.event,
      ...around.body.events_after,
      ...around.body.state,
    ]);
    const page = await drive("GET", "/v3/rooms/{roomId}/messages", room, {
      as: cleo,
      query: { dir: "b", limit: "100", filter: JSON.stringify({ lazy_load_members: true }) },
    });
    assert.ok(page.body.chunk.length > 15, "the whole history");
    checkEvents([...page.body.chunk, ...page.body.state]);
    await driveHistory(driver, { ada, cleo, roomId: room.roomId, eventId: first });

    await drive(
      "PUT",
      "/v3/rooms/{roomId}/typing/{userId}",
      { ...room, userId: ada.userId },
      {
        as: ada,
        body: { typing: true, timeout: 30_000 },
      },
    );
    await drive(
      "POST",
      "/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}",
      {
        ...room,
        receiptType: "m.read",
        eventId: reply,
      },
      { as: ben, body: { thread_id: first } },
    );
    await drive("POST", "/v3/rooms/{roomId}/read_markers", room, {
      as: cleo,
      body: { "m.fully_read": first, "m.read": first, "m.read.private": first },
    });
    await checkSync(cleo, room.roomId);

    await drive("GET", "/v3/directory/list/room/{roomId}", room, { as: ada });
    await drive("PUT", "/v3/directory/list/room/{roomId}", room, {
      as: ada,
      body: { visibility: "private" },
    });
    await drive("POST", "/v3/rooms/{roomId}/kick", room, { as: ada, body: { user_id: ben.userId } });
    await drive("POST", "/v3/rooms/{roomId}/kick", room, {
      as: cleo,
      status: 403,
      body: { user_id: ada.userId },
    });
    await drive("POST", "/v3/rooms/{roomId}/ban", room, {
      as: ada,
      body: { user_id: ben.userId, reason: "soup" },
    });
    await drive("POST", "/v3/rooms/{roomId}/unban", room, { as: ada, body: { user_id: ben.userId } });
    const asked = { join_rule: "knock" };
    await drive(
      "PUT",
      "/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
      {
        ...room,
        eventType: "m.room.join_rules",
        stateKey: "",
      },
      { as: ada, body: asked },
    );
    await drive(
      "POST",
      "/v3/knock/{roomIdOrAlias}",
      { roomIdOrAlias: room.roomId },
      {
        as: ben,
        body: { reason: "sorry" },
      },
    );
    const knocking = await drive("GET", "/v3/sync", {}, { as: ben });
    assert.ok(knocking.body.rooms.knock[room.roomId]);
    await drive("POST", "/v3/rooms/{roomId}/invite", room, { as: ada, body: { user_id: ben.userId } });
    const invited = await drive("GET", "/v3/sync", {}, { as: ben });
    assert.ok(invited.body.rooms.invite[room.roomId]);
    await drive("POST", "/v3/rooms/{roomId}/leave", room, { as: ben, body: {} });
    const left = await drive(
      "GET",
      "/v3/sync",
      {},
      {
        as: ben,
        query: { since: invited.body.next_batch, timeout: "0", use_state_after: "true" },
      },
    );
    assert.ok(left.body.rooms.leave[room.roomId]);
    await drive("POST", "/v3/rooms/{roomId}/forget", room, { as: ben, body: {} });
    await replaceRoom(driver, { ada, ben }, room.roomId);
  });
}

async function checkSync(user: User, roomId: string): Promise<void> {
  const filter = {
    room: { timeline: { limit: 50, unread_thread_notifications: true }, state: { lazy_load_members: true } },
  };
  const posted = await drive(
    "POST",
    "/v3/user/{userId}/filter",
    { userId: user.userId },
    { as: user, body: filter },
  );
  const stored = { userId: user.userId, filterId: posted.body.filter_id as string };
  await drive("GET", "/v3/user/{userId}/filter/{filterId}", stored, { as: user });
  const { body } = await drive("GET", "/v3/sync", {}, { as: user, query: { filter: stored.filterId } });
  const room = body.rooms.join[roomId];
  const inRoom = { room_id: roomId };
  checkEvents([...room.timeline.events, ...room.state.events], inRoom);
  checkEvents([...room.ephemeral.events, ...room.account_data.events], inRoom);
  checkEvents(body.account_data.events);
  assert.deepEqual(room.ephemeral.events.map((event: { type: string }) => event.type).toSorted(), [
    "m.receipt",
    "m.typing",
  ]);
}

test("profiles, account data, tags and push rules", { skip }, async () => {
  const own = { userId: ada.userId };
  for (const [keyName, value] of [
    ["displayname", "Ada"],
    ["avatar_url", "mxc://burrow.localhost/ada"],
    ["m.tz", "Europe/London"],
  ] as const) {
    await drive(
      "PUT",
      "/v3/profile/{userId}/{keyName}",
      { ...own, keyName },
      {
        as: ada,
        body: { [keyName]: value },
      },
    );
    await drive("GET", "/v3/profile/{userId}/{keyName}", { ...own, keyName }, { as: ben });
  }
  await drive("GET", "/v3/profile/{userId}", own, { as: ben });
  await drive(
    "GET",
    "/v3/profile/{userId}",
    { userId: "@nobody:burrow.localhost" },
    { as: ben, status: 404 },
  );
  await drive("DELETE", "/v3/profile/{userId}/{keyName}", { ...own, keyName: "m.tz" }, { as: ada });
  await drive("POST", "/v3/user_directory/search", {}, { as: ben, body: { search_term: "ada" } });

  const { room_id: roomId } = (await drive("POST", "/v3/createRoom", {}, { as: ada, body: {} })).body;
  const direct = { ...own, roomId, type: "m.direct" };
  await drive("PUT", "/v3/user/{userId}/account_data/{type}", direct, {
    as: ada,
    body: { [ben.userId]: [roomId] },
  });
  await drive("GET", "/v3/user/{userId}/account_data/{type}", direct, { as: ada });
  await drive(
    "GET",
    "/v3/user/{userId}/account_data/{type}",
    { ...own, type: "absent" },
    { as: ada, status: 404 },
  );
  const presence = "/v3/presence/{userId}/status";
  await drive("PUT", presence, own, { as: ada, body: { presence: "online", status_msg: "At the sea" } });
  await drive("GET", presence, own, { as: ada });
  await drive("GET", presence, { userId: "@nobody:burrow.localhost" }, { as: ada, status: 403 });
  await drive("POST", "/v3/user/{userId}/openid/request_token", own, { as: ada, body: {} });
  const marked = { ...own, roomId, type: "m.marked_unread" };
  await drive("PUT", "/v3/user/{userId}/rooms/{roomId}/account_data/{type}", marked, {
    as: ada,
    body: { unread: true },
  });
  await drive("GET", "/v3/user/{userId}/rooms/{roomId}/account_data/{type}", marked, { as: ada });
  const tag = { ...own, roomId, tag: "m.favourite" };
  await drive("PUT", "/v3/user/{userId}/rooms/{roomId}/tags/{tag}", tag, { as: ada, body: { order: 0.25 } });
  await drive("GET", "/v3/user/{userId}/rooms/{roomId}/tags", tag, { as: ada });
  const { body } = await drive("GET", "/v3/sync", {}, { as: ada });
  const shown = body.presence.events.find(({ sender }: { sender: string }) => sender === ada.userId);
  assert.equal(shown.content.status_msg, "At the sea");
  checkEvents([...body.account_data.events, ...body.rooms.join[roomId].account_data.events]);
  await drive("DELETE", "/v3/user/{userId}/rooms/{roomId}/tags/{tag}", tag, { as: ada });

  await drivePush(driver, ada, ben);
});

test("keys and messages between devices", { skip }, async () => {
  const { deviceKeys, oneTimeKeys, fallbackKeys, crossSigning, signedDevice } = createDevice(ada);
  const start = (await drive("GET", "/v3/sync", {}, { as: ada })).body.next_batch;
  await drive(
    "POST",
    "/v3/keys/upload",
    {},
    {
      as: ada,
      body: { device_keys: deviceKeys, one_time_keys: oneTimeKeys, fallback_keys: fallbackKeys },
    },
  );
  await drive("POST", "/v3/keys/device_signing/upload", {}, { as: ada, body: crossSigning });
  await drive(
    "POST",
    "/v3/keys/signatures/upload",
    {},
    {
      as: ada,
      body: { [ada.userId]: { [ada.deviceId]: signedDevice } },
    },
  );
  const found = await drive(
    "POST",
    "/v3/keys/query",
    {},
    { as: ada, body: { device_keys: { [ada.userId]: [] } } },
  );
  assert.equal(Object.keys(found.body.device_keys[ada.userId]).length, 1);
  assert.ok(found.body.master_keys[ada.userId]);
  const claim = { one_time_keys: { [ada.userId]: { [ada.deviceId]: "signed_curve25519" } } };
  await drive("POST", "/v3/keys/claim", {}, { as: ben, body: claim });
  await drive(
    "PUT",
    "/v3/sendToDevice/{eventType}/{txnId}",
    { eventType: "m.dummy" },
    {
      as: ben,
      body: { messages: { [ada.userId]: { [ada.deviceId]: {} } } },
    },
  );
  const { body } = await drive("GET", "/v3/sync", {}, { as: ada, query: { since: start } });
  assert.deepEqual(body.device_lists.changed, [ada.userId]);
  assert.deepEqual(body.to_device.events, [{ type: "m.dummy", sender: ben.userId, content: {} }]);
  await drive("GET", "/v3/keys/changes", {}, { as: ada, query: { from: start, to: body.next_batch } });
});

test("media, moderation, and backups of room keys", { skip }, async () => {
  await Promise.all([driveMedia(driver, fixture, ada, ben), driveKeyBackups(driver, ada)]);
  await driveModeration(driver, fixture, ada, ben);
});

test("no built operation was left out", { skip }, () => {
  const named = new Set([...specification.operations].map(unnamed));
  const built = fixture.routes
    .map(({ method, path }) => `${method} ${path}`)
    .filter((route) => !/^(ALL|OPTIONS) /.test(route) && !/\/client\/r0\/| \/_burrow\//.test(route))
    .map(unnamed);
  assert.deepEqual(
    built.filter((route) => named.has(route) && !driver.driven.has(route)),
    [],
  );
  assert.deepEqual(built.filter((route) => !named.has(route)).toSorted(), beyondTheDocuments.toSorted());
  assert.deepEqual(fixture.log, [], "nothing unexpected happened");
});

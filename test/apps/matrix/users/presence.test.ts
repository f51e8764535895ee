import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { createEphemeralSerial } from "../../../../origin/apps/matrix/sync/ephemeral-serial.ts";
import { createPresence, type Presence } from "../../../../origin/apps/matrix/users/presence.ts";
import { createFixture, type Fixture, type User } from "../fixture.ts";
import { makeRoom, setMembership } from "./rooms.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
let cleo: User;
let roomId: string;
before(async () => {
  fixture = await createFixture();
  [ada, ben, cleo] = [await fixture.user("ada"), await fixture.user("ben"), await fixture.user("cleo")];
  roomId = await makeRoom(fixture, ada, ben);
});
after(() => fixture.close());

const path = (user: User): string => `/v3/presence/${encodeURIComponent(user.userId)}/status`;
const put = (user: User, body: unknown, of: User = user) =>
  fixture.request("PUT", path(of), { token: user.token, body });
const get = (user: User, of: User = user) => fixture.request("GET", path(of), { token: user.token });

async function sync(user: User, query: Record<string, string> = {}) {
  const reply = await fixture.request("GET", `/v3/sync?${new URLSearchParams(query)}`, { token: user.token });
  assert.equal(reply.status, 200);
  return reply.body;
}

// oxlint-disable-next-line no-explicit-any -- as the server says it
const seen = (body: any): Record<string, any> =>
  // oxlint-disable-next-line no-explicit-any
  Object.fromEntries((body.presence?.events ?? []).map((event: any) => [event.sender, event.content]));

test("what somebody says of themselves is read by those of their rooms, and by nobody else", async () => {
  assert.deepEqual((await get(ben, ada)).body, { presence: "offline" });
  assert.equal((await put(ada, { presence: "online", status_msg: "At the sea" })).status, 200);
  const expected = {
    presence: "online",
    last_active_ago: 0,
    currently_active: true,
    status_msg: "At the sea",
  };
  assert.deepEqual((await get(ada)).body, expected);
  assert.deepEqual((await get(ben, ada)).body, expected);
  for (const userId of [ada.userId, "@nobody:burrow.localhost"]) {
    const refused = await get(cleo, { ...ada, userId });
    assert.deepEqual([refused.status, refused.body.errcode], [403, "M_FORBIDDEN"]);
  }
  assert.equal((await put(ben, { presence: "online" }, ada)).status, 403);
});

test("wrong bodies are refused and change nothing", async () => {
  await put(ada, { presence: "online", status_msg: "Here" });
  for (const body of [
    {},
    { presence: "busy" },
    { presence: 1 },
    { presence: "offline", status_msg: 5 },
    { presence: "offline", status_msg: "x".repeat(1001) },
    '{"presence":"offline","status_msg":"\\ud800"}',
  ]) {
    assert.equal((await put(ada, body)).status, 400, JSON.stringify(body));
  }
  const { body } = await get(ada);
  assert.deepEqual([body.presence, body.status_msg], ["online", "Here"]);
  const bad = await fixture.request("GET", "/v3/sync?set_presence=away", { token: ada.token });
  assert.equal(bad.body.errcode, "M_INVALID_PARAM");
});

test("a status stays until it is taken away, and over a restart", async () => {
  await put(ada, { presence: "online", status_msg: "On the train" });
  await put(ada, { presence: "unavailable" });
  await fixture.restart();
  const { body } = await get(ada);
  assert.deepEqual([body.presence, body.status_msg], ["unavailable", "On the train"]);
  await put(ada, { presence: "online", status_msg: "" });
  assert.equal("status_msg" in (await get(ada)).body, false);
});

test("/sync tells of presence at first and of each change, to those of one's rooms", async () => {
  await put(ada, { presence: "online", status_msg: "Reading" });
  const first = await sync(ben);
  assert.equal(seen(first)[ada.userId].status_msg, "Reading");
  assert.equal(seen(first)[ben.userId].presence, "online");
  const outside = await sync(cleo);
  assert.deepEqual(Object.keys(seen(outside)), [cleo.userId]);

  await sync(ada, { set_presence: "unavailable" });
  const second = await sync(ben, { since: first.next_batch });
  assert.deepEqual(Object.keys(seen(second)), [ada.userId]);
  assert.equal(seen(second)[ada.userId].presence, "unavailable");
  assert.equal((await sync(ben, { since: second.next_batch })).presence, undefined, "nothing is told twice");
  assert.equal((await sync(cleo, { since: outside.next_batch })).presence, undefined);

  // Whoever asks with set_presence=offline is not seen by it.
  await sync(ada, { set_presence: "offline" });
  assert.equal((await sync(ben, { since: second.next_batch })).presence, undefined);
});

test("filters and ignored users hold for presence", async () => {
  const filter = JSON.stringify({ presence: { not_types: ["m.presence"] } });
  await put(ada, { presence: "online" });
  const quiet = await sync(ben, { filter });
  assert.deepEqual(quiet.presence.events, []);
  await put(ada, { presence: "unavailable" });
  assert.equal((await sync(ben, { filter, since: quiet.next_batch })).presence, undefined);

  const list = `/v3/user/${encodeURIComponent(ben.userId)}/account_data/m.ignored_user_list`;
  const ignore = (users: object) =>
    fixture.request("PUT", list, { token: ben.token, body: { ignored_users: users } });
  await ignore({ [ada.userId]: {} });
  assert.equal(seen(await sync(ben))[ada.userId], undefined);
  await ignore({});
});

test("who comes into a room sees who is there, and is seen", async () => {
  await put(ada, { presence: "online" });
  await sync(ben);
  const cleos = await sync(cleo);
  const bens = await sync(ben);
  await setMembership(fixture, roomId, cleo, "join");
  assert.deepEqual(
    Object.keys(seen(await sync(cleo, { since: cleos.next_batch }))).toSorted(),
    [ada.userId, ben.userId, cleo.userId].toSorted(),
  );
  const told = seen(await sync(ben, { since: bens.next_batch }));
  assert.equal(told[cleo.userId].presence, "online");
  await setMembership(fixture, roomId, cleo, "leave");
});

test("a change ends the wait of those who are concerned, and of nobody else", async () => {
  await put(ada, { presence: "online" });
  fixture.clock.now += 61_000;
  await sync(ada);
  const { next_batch: since } = await sync(ben);
  assert.equal((await get(ben, ada)).body.currently_active, false);
  const typing = `/v3/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(ada.userId)}`;
  await fixture.request("PUT", typing, { token: ada.token, body: { typing: false } });
  const answer = seen(await sync(ben, { since }));
  assert.equal(answer[ada.userId].currently_active, true, "who types is there");

  const change = async (state: string): Promise<void> => {
    const { next_batch: later } = await sync(ben);
    const poll = sync(ben, { since: later, timeout: "30000" });
    await put(ada, { presence: state });
    assert.equal(seen(await poll)[ada.userId].presence, state);
  };
  // With the first go the wakes that are left from before.
  await change("unavailable");
  const cleoWaits = fixture.matrix.waiters.wait(cleo.userId, 60_000);
  await change("online");
  cleoWaits.cancel();
  assert.equal(await cleoWaits.woken, false);
});

test("who signs out is gone", async () => {
  const phone = await fixture.user("ben", { deviceId: "PHONE" });
  const room = await makeRoom(fixture, ada, ben);
  await put(phone, { presence: "online" });
  await fixture.members.endSessions(ben.memberId, "none");
  const { next_batch } = await sync(ada);
  assert.ok(next_batch && room);
  // The change is followed in the app's own time.
  while ((await get(ada, ben)).body.presence !== "offline") await new Promise((done) => setImmediate(done));
  ben = await fixture.user("ben");
});

/** Presence on a clock of its own. */
function onClock(
  check: (parts: { presence: Presence; pass: (ms: number) => void; woken: string[][] }) => void,
) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const clock = { now: 1_000_000 };
  const woken: string[][] = [];
  const presence = createPresence({
    database: fixture.matrix.database,
    waiters: {
      ...fixture.matrix.waiters,
      notify(users) {
        // Those of the other tests are in the table too.
        const own = [...users].filter((userId) => userId.endsWith(":x"));
        if (own.length > 0) woken.push(own);
      },
    },
    serial: createEphemeralSerial(() => 1),
    sharers: (userId) => new Set(userId.endsWith(":x") ? ["@friend:x"] : []),
    log: fixture.matrix.log,
    now: () => clock.now,
  });
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.now += Math.min(1000, left);
      mock.timers.tick(Math.min(1000, left));
    }
  };
  try {
    check({ presence, pass, woken });
  } finally {
    mock.timers.reset();
  }
}

const dora = "@dora:x";
const stateOf = (presence: Presence): string | undefined => presence.statusOf(dora)?.state;

test("who syncs stays online, is idle after five minutes without doing anything, and offline soon after", () => {
  onClock(({ presence, pass, woken }) => {
    const leave = presence.enter(dora, "A", "online");
    pass(100);
    assert.deepEqual(woken.splice(0), [[dora, "@friend:x"]]);
    assert.equal(presence.statusOf(dora)?.currentlyActive, true);
    pass(61_000);
    assert.deepEqual([stateOf(presence), presence.statusOf(dora)?.currentlyActive], ["online", false]);
    assert.deepEqual(woken, [], "nobody is woken to hear that somebody is quiet");
    pass(240_000);
    assert.equal(stateOf(presence), "unavailable");
    leave();
    // Polls again, as before: no sign of life.
    const again = presence.enter(dora, "A", "online");
    assert.equal(stateOf(presence), "unavailable");
    presence.active(dora, "A");
    assert.equal(stateOf(presence), "online");
    again();
    pass(29_000);
    assert.equal(stateOf(presence), "online");
    pass(2000);
    assert.equal(stateOf(presence), "offline");
    assert.equal(presence.statusOf(dora)?.lastActiveAgo, 31_000);
  });
});

test("the liveliest of one's devices counts", () => {
  onClock(({ presence, pass }) => {
    const phone = presence.enter(dora, "PHONE", "unavailable");
    assert.equal(stateOf(presence), "unavailable");
    const laptop = presence.enter(dora, "LAPTOP", "online");
    assert.equal(stateOf(presence), "online");
    laptop();
    pass(31_000);
    assert.equal(stateOf(presence), "unavailable");
    presence.forgetDevice(dora, "PHONE");
    assert.equal(stateOf(presence), "offline");
    phone();
    pass(60_000);
    assert.equal(stateOf(presence), "offline");
  });
});

test("changes that come together wake each client once", () => {
  onClock(({ presence, pass, woken }) => {
    for (const name of ["a", "b", "c"]) presence.enter(`@${name}:x`, "A", "online");
    pass(1000);
    assert.deepEqual(woken, [["@a:x", "@b:x", "@c:x", "@friend:x"]]);
  });
});

test("requests that go on as before change nothing and write nothing", async () => {
  const { matrix } = fixture;
  await sync(ada);
  const serial = matrix.typing.serial();
  for (let round = 0; round < 20; round += 1) await sync(ada);
  assert.equal(matrix.typing.serial(), serial);
});

test("switched off, nobody is seen and everything is answered", async () => {
  const silent = await createFixture({ environment: { BURROW_MATRIX_PRESENCE: "off" } });
  try {
    const dana = await silent.user("dana");
    const own = path(dana);
    const body = { presence: "online", status_msg: "Here" };
    assert.equal((await silent.request("PUT", own, { token: dana.token, body })).status, 200);
    assert.deepEqual((await silent.request("GET", own, { token: dana.token })).body, { presence: "offline" });
    const answer = await silent.request("GET", "/v3/sync", { token: dana.token });
    assert.deepEqual(answer.body.presence.events, []);
  } finally {
    await silent.close();
  }
});

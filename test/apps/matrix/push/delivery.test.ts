import assert from "node:assert/strict";
import { test } from "node:test";
import {
  makeRoom,
  type Notification,
  readUpTo,
  send,
  setPusher,
  startPushHouse,
  text,
} from "./gateway-stand.ts";

const longWait = { timeout: 20_000 };

test("a phone rings for a message, a mention, an invitation and a call", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const cleo = await fixture.user("cleo");
  const roomId = await makeRoom(fixture, ada, [ben, cleo], { name: "Kitchen", room_alias_name: "kitchen" });
  await setPusher(fixture, ben, gateway.url, { data: { url: gateway.url, brand: "Acme" } });

  const message = await send(fixture, ada, roomId, text("supper"));
  assert.deepEqual(await gateway.next(), {
    event_id: message,
    room_id: roomId,
    type: "m.room.message",
    sender: ada.userId,
    sender_display_name: "ada",
    room_name: "Kitchen",
    room_alias: "#kitchen:burrow.localhost",
    prio: "low",
    counts: { unread: 1 },
    content: text("supper"),
    devices: [
      {
        app_id: "org.example.app",
        pushkey: "key",
        pushkey_ts: fixture.clock.now / 1000,
        data: { brand: "Acme" },
        tweaks: {},
      },
    ],
  });

  await send(fixture, ada, roomId, text("ben?", { "m.mentions": { user_ids: [ben.userId] } }));
  const mention = await gateway.next();
  assert.deepEqual(mention.devices[0]?.tweaks, { sound: "default", highlight: true });
  assert.deepEqual([mention.prio, mention.counts], ["high", { unread: 2 }]);

  await send(fixture, ada, roomId, {}, "m.call.invite");
  const call = await gateway.next();
  assert.deepEqual([call.type, call.devices[0]?.tweaks], ["m.call.invite", { sound: "ring" }]);

  const other = await makeRoom(fixture, cleo, [], { preset: "private_chat", invite: [ben.userId] });
  const invitation = await gateway.next();
  assert.deepEqual(
    [invitation.room_id, invitation.type, invitation.user_is_target, invitation.room_name],
    [other, "m.room.member", true, "cleo"],
  );
  assert.deepEqual([invitation.prio, invitation.counts], ["high", { unread: 4 }]);
  assert.deepEqual(fixture.log, []);
});

test(
  "nothing rings for one's own words, in a muted room, for notices, or for somebody ignored",
  longWait,
  async (t) => {
    const { gateway, fixture } = await startPushHouse(t);
    const ada = await fixture.user("ada");
    const ben = await fixture.user("ben");
    const cleo = await fixture.user("cleo");
    const muted = await makeRoom(fixture, ada, [ben]);
    const loud = await makeRoom(fixture, ada, [ben, cleo]);
    await setPusher(fixture, ben, gateway.url);
    const rule = `/v3/pushrules/global/room/${encodeURIComponent(muted)}`;
    await fixture.request("PUT", rule, { token: ben.token, body: { actions: [] } });
    await fixture.request("PUT", `/v3/user/${ben.userId}/account_data/m.ignored_user_list`, {
      token: ben.token,
      body: { ignored_users: { [cleo.userId]: {} } },
    });

    await send(fixture, ada, muted, text("psst"));
    await send(fixture, ben, loud, text("mine"));
    await send(fixture, cleo, loud, text("unheard"));
    await send(fixture, ada, loud, { msgtype: "m.notice", body: "beep" });
    const heard = await send(fixture, ada, loud, text("heard"));
    assert.equal((await gateway.next()).event_id, heard);
  },
);

test("an app may ask for ids alone; what is encrypted goes without its content", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const roomId = await makeRoom(fixture, ada, [ben]);
  const data = { url: gateway.url, format: "event_id_only", default_payload: { aps: {} } };
  await setPusher(fixture, ben, gateway.url, { data });
  const eventId = await send(fixture, ada, roomId, text("supper"));
  const { devices, ...about } = await gateway.next();
  assert.deepEqual(about, { event_id: eventId, room_id: roomId, prio: "high", counts: { unread: 1 } });
  assert.deepEqual(devices[0]?.data, { format: "event_id_only", default_payload: { aps: {} } });
  assert.equal("tweaks" in devices[0]!, false);

  await setPusher(fixture, ben, gateway.url);
  await send(fixture, ada, roomId, { algorithm: "x", ciphertext: "y" }, "m.room.encrypted");
  const encrypted = await gateway.next();
  assert.equal("content" in encrypted, false);
  // Two people and no name: the room is called by who is in it.
  assert.deepEqual(
    [encrypted.type, encrypted.prio, encrypted.room_name],
    ["m.room.encrypted", "high", "ada"],
  );
});

test(
  "what a gateway could not take comes again, in order, over a restart, and once only",
  longWait,
  async (t) => {
    const { gateway, fixture } = await startPushHouse(t);
    const ada = await fixture.user("ada");
    const ben = await fixture.user("ben");
    const roomId = await makeRoom(fixture, ada, [ben]);
    await setPusher(fixture, ben, gateway.url);
    gateway.answer = () => ({ status: 502, body: "down" });
    const first = await send(fixture, ada, roomId, text("one"));
    assert.equal((await gateway.next()).event_id, first);
    const second = await send(fixture, ada, roomId, text("two"));
    assert.equal(
      (await gateway.next()).event_id,
      first,
      "tried again after a second, and first things first",
    );
    gateway.answer = undefined;
    await fixture.restart();
    assert.equal((await gateway.next()).event_id, first);
    const last = await gateway.next();
    assert.deepEqual([last.event_id, last.counts], [second, { unread: 2 }]);
    await fixture.restart();
    const third = await send(fixture, ada, roomId, text("three"));
    assert.equal((await gateway.next()).event_id, third);
  },
);

test(
  "what was read, redacted or left meanwhile does not ring any more, nor what is a day old",
  longWait,
  async (t) => {
    const { gateway, fixture } = await startPushHouse(t);
    const ada = await fixture.user("ada");
    const ben = await fixture.user("ben");
    const read = await makeRoom(fixture, ada, [ben]);
    const left = await makeRoom(fixture, ada, [ben]);
    const kept = await makeRoom(fixture, ada, [ben]);
    await setPusher(fixture, ben, gateway.url);
    const opened = Promise.withResolvers<{ status: number }>();
    gateway.answer = () => opened.promise;
    const under = await send(fixture, ada, kept, text("under way"));
    assert.equal((await gateway.next()).event_id, under);

    await send(fixture, ada, kept, text("yesterday's"));
    fixture.clock.now += 25 * 60 * 60 * 1000;
    await readUpTo(fixture, ben, read, await send(fixture, ada, read, text("read elsewhere")));
    await send(fixture, ada, left, text("left"));
    await fixture.request("POST", `/v3/rooms/${left}/leave`, { token: ben.token, body: {} });
    const regretted = await send(fixture, ada, kept, text("regretted"));
    await fixture.request("PUT", `/v3/rooms/${kept}/redact/${regretted}/r1`, { token: ada.token, body: {} });
    const stands = await send(fixture, ada, kept, text("stands"));
    gateway.answer = undefined;
    opened.resolve({ status: 200 });
    assert.equal((await gateway.next()).event_id, stands);
  },
);

test("a rejected pushkey ends its pusher", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const roomId = await makeRoom(fixture, ada, [ben]);
  await setPusher(fixture, ben, gateway.url, { pushkey: "dead" });
  await setPusher(fixture, ben, gateway.url, { pushkey: "alive" });
  gateway.answer = () => ({ body: { rejected: ["dead", "somebody else's"] } });
  await send(fixture, ada, roomId, text("one"));
  await gateway.next();
  await gateway.next();
  gateway.answer = undefined;
  const keys = async (): Promise<string[]> => {
    const { body } = await fixture.request("GET", "/v3/pushers", { token: ben.token });
    return (body.pushers as { pushkey: string }[]).map(({ pushkey }) => pushkey);
  };
  // The answer is on its way when the request has come; the write behind it follows.
  while ((await keys()).length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(await keys(), ["alive"]);
});

test("one notification that the gateway will not have does not hold up the next", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const roomId = await makeRoom(fixture, ada, [ben]);
  await setPusher(fixture, ben, gateway.url);
  gateway.answer = ({ content }) => (content?.["body"] === "odd" ? { status: 413, body: "" } : undefined);
  const odd = await send(fixture, ada, roomId, text("odd"));
  const plain = await send(fixture, ada, roomId, text("plain"));
  const seen: (string | undefined)[] = [];
  while (seen.at(-1) !== plain) seen.push((await gateway.next()).event_id);
  assert.deepEqual(seen, [odd, odd, odd, plain]);
});

test("when things are read the number at the icon follows, once for many", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const roomId = await makeRoom(fixture, ada, [ben]);
  await setPusher(fixture, ben, gateway.url);
  const first = await send(fixture, ada, roomId, text("one"));
  await gateway.next();
  const second = await send(fixture, ada, roomId, text("two"));
  assert.deepEqual((await gateway.next()).counts, { unread: 2 });
  await readUpTo(fixture, ben, roomId, first);
  await readUpTo(fixture, ben, roomId, second);
  const { devices, ...badge } = await gateway.next();
  assert.deepEqual(badge, { prio: "low", counts: { unread: 0 } });
  assert.equal(devices[0]?.pushkey, "key");
});

test("a gateway gets four at once and no more, and a dead one holds up nobody else", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const others = await Promise.all(Array.from({ length: 6 }, (_, index) => fixture.user(`guest${index}`)));
  const roomId = await makeRoom(fixture, ada, others);
  for (const user of others) await setPusher(fixture, user, gateway.url, { pushkey: user.name });
  // Leads inside: refused at each request, whatever it answered when the pusher was set.
  await setPusher(fixture, others[0]!, "https://inner.example.org/_matrix/push/v1/notify", { pushkey: "in" });
  const held: (() => void)[] = [];
  gateway.answer = () => new Promise((resolve) => held.push(() => resolve({})));
  await send(fixture, ada, roomId, text("all"));
  const first: Notification[] = [];
  for (let count = 0; count < 4; count += 1) first.push(await gateway.next());
  assert.equal(gateway.arrived.length, 4);
  held.shift()?.();
  await gateway.next();
  assert.equal(gateway.arrived.length, 5);
  gateway.answer = undefined;
  for (const open of held) open();
  await gateway.next();
  assert.deepEqual(
    new Set(gateway.arrived.map(({ devices }) => devices[0]?.pushkey)),
    new Set(others.map(({ name }) => name)),
  );
});

test("whoever is suspended is told nothing", longWait, async (t) => {
  const { gateway, fixture } = await startPushHouse(t);
  const ada = await fixture.user("ada");
  const ben = await fixture.user("ben");
  const roomId = await makeRoom(fixture, ada, [ben]);
  await setPusher(fixture, ben, gateway.url);
  await fixture.members.suspend(ben.memberId);
  await send(fixture, ada, roomId, text("secret"));
  // What is sent to others shows that it has been passed over.
  const cleo = await fixture.user("cleo");
  await fixture.request("POST", `/v3/join/${roomId}`, { token: cleo.token, body: {} });
  await setPusher(fixture, cleo, gateway.url, { pushkey: "cleo's" });
  const heard = await send(fixture, ada, roomId, text("heard"));
  const { event_id: eventId, devices } = await gateway.next();
  assert.deepEqual([eventId, devices[0]?.pushkey], [heard, "cleo's"]);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

let fixture: Fixture;
let ada: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
});
after(() => fixture.close());

let next = 0;
const send = (messages: unknown, options: { txnId?: string; type?: string; from?: User } = {}) =>
  fixture.request(
    "PUT",
    `/v3/sendToDevice/${options.type ?? "m.room.encrypted"}/${options.txnId ?? `t${next++}`}`,
    { token: (options.from ?? ada).token, body: { messages } },
  );
const position = (): number => fixture.matrix.stream.current();
const pending = (user: User, since = 0, limit = 100) =>
  fixture.matrix.toDevice.pending(user.userId, user.deviceId, since, position(), limit);
const contents = (user: User) => pending(user).map(({ content }) => content);

test("messages arrive in order, wake the device, and stay until they are acknowledged", async () => {
  const ben = await fixture.user("ben");
  const wait = fixture.matrix.waiters.wait(ben.userId, 60_000);
  for (const n of [1, 2, 3]) {
    const reply = await send({ [ben.userId]: { [ben.deviceId]: { n } } });
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, {});
  }
  assert.equal(await wait.woken, true);
  const first = pending(ben, 0, 2);
  assert.deepEqual(
    first.map(({ sender, type, content }) => ({ sender, type, content })),
    [1, 2].map((n) => ({ sender: ada.userId, type: "m.room.encrypted", content: { n } })),
  );
  assert.deepEqual(contents(ben), [{ n: 1 }, { n: 2 }, { n: 3 }], "reading alone removes nothing");
  await fixture.matrix.toDevice.acknowledge(ben.userId, ben.deviceId, first.at(-1)?.so ?? 0);
  assert.deepEqual(contents(ben), [{ n: 3 }]);
  await fixture.restart();
  assert.deepEqual(contents(ben), [{ n: 3 }]);
  assert.deepEqual(pending(ben, position()), []);
});

test("a star means every device there is at that moment", async () => {
  const phone = await fixture.user("cleo", { deviceId: "PHONE" });
  const laptop = await fixture.user("cleo", { deviceId: "LAPTOP" });
  await send({ [phone.userId]: { "*": { to: "all" } } });
  const tablet = await fixture.user("cleo", { deviceId: "TABLET" });
  assert.deepEqual(contents(phone), [{ to: "all" }]);
  assert.deepEqual(contents(laptop), [{ to: "all" }]);
  assert.deepEqual(contents(tablet), []);
  await send({ [phone.userId]: { LAPTOP: { to: "one" } } });
  assert.deepEqual(contents(laptop), [{ to: "all" }, { to: "one" }]);
  assert.deepEqual(contents(phone), [{ to: "all" }]);
});

test("a repeated transaction sends once, whatever it says now; another type or device is another", async () => {
  const ben = await fixture.user("ben");
  const message = (n: number) => ({ [ben.userId]: { [ben.deviceId]: { n } } });
  const replies = await Promise.all([
    send(message(1), { txnId: "same" }),
    send(message(2), { txnId: "same" }),
  ]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200],
  );
  assert.deepEqual(contents(ben), [{ n: 1 }]);
  await send(message(3), { txnId: "same", type: "m.other" });
  await send(message(4), { txnId: "same", from: await fixture.user("ada") });
  assert.deepEqual(contents(ben), [{ n: 1 }, { n: 3 }, { n: 4 }]);
});

test("messages to nobody are dropped in silence", async () => {
  const unmoved = position();
  const reply = await send({
    "@nobody:burrow.localhost": { "*": {} },
    "@ada:example.org": { PHONE: {} },
    [ada.userId]: { UNKNOWN: {} },
  });
  assert.equal(reply.status, 200);
  assert.equal(position(), unmoved);
});

test("what is not a message, and what is too large, is refused whole", async () => {
  const ben = await fixture.user("ben");
  for (const messages of [
    undefined,
    [],
    { [ben.userId]: [] },
    { [ben.userId]: { [ben.deviceId]: "text" } },
    { [ben.userId]: { [ben.deviceId]: null } },
  ]) {
    const { status } = await send(messages);
    assert.equal(status, 400, JSON.stringify(messages));
  }
  const large = await send({
    [ben.userId]: { [ben.deviceId]: { fine: true } },
    [ada.userId]: { [ada.deviceId]: { body: "x".repeat(65_536) } },
  });
  assert.equal(large.status, 413);
  assert.equal(large.body.errcode, "M_TOO_LARGE");
  assert.deepEqual(contents(ben), []);
});

test("a device that signs out loses its queue, even if the same id comes back", async () => {
  const ben = await fixture.user("ben", { deviceId: "PHONE" });
  await send({ [ben.userId]: { "*": { secret: true } } });
  assert.equal((await fixture.request("POST", "/v3/logout", { token: ben.token })).status, 200);
  const again = await fixture.user("ben", { deviceId: "PHONE" });
  assert.deepEqual(contents(again), []);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type Reply, type User } from "../fixture.ts";
import { slide } from "../sliding-sync/slide.ts";
import { makeRoom, send, text } from "./gateway-stand.ts";

let fixture: Fixture;
let ada: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
});
after(() => fixture.close());

const reply = (root: string, more: object = {}) =>
  text("reply", { "m.relates_to": { rel_type: "m.thread", event_id: root }, ...more });
const path = (roomId: string, root: string): string =>
  `/_matrix/client/unstable/io.element.msc4306/rooms/${roomId}/thread/${root}/subscription`;
const ask = (method: string, user: User, roomId: string, root: string, body?: object): Promise<Reply> =>
  fixture.request(method, path(roomId, root), { token: user.token, body });
const changes = (user: User, query: Record<string, string>): Promise<Reply> =>
  fixture.request(
    "GET",
    `/_matrix/client/unstable/io.element.msc4308/thread_subscriptions?${new URLSearchParams(query)}`,
    { token: user.token },
  );

async function unreadIn(user: User, roomId: string): Promise<number> {
  const { body } = await fixture.request("GET", "/v3/sync", { token: user.token });
  return body.rooms.join[roomId].unread_notifications.notification_count as number;
}

test("a reply in a thread rings those who subscribed; who never did anything of the kind hears all", async () => {
  const ben = await fixture.user("ben");
  const cleo = await fixture.user("cleo");
  const roomId = await makeRoom(fixture, ada, [ben, cleo]);
  const followed = await send(fixture, ada, roomId, text("followed"));
  const other = await send(fixture, ada, roomId, text("other"));
  assert.equal((await ask("PUT", ben, roomId, followed, {})).status, 200);
  const [bens, cleos] = [await unreadIn(ben, roomId), await unreadIn(cleo, roomId)];

  await send(fixture, ada, roomId, reply(other));
  assert.equal(await unreadIn(ben, roomId), bens);
  await send(fixture, ada, roomId, reply(followed));
  assert.equal(await unreadIn(ben, roomId), bens + 1);
  await send(fixture, ada, roomId, reply(other, { "m.mentions": { user_ids: [ben.userId] } }));
  assert.equal(await unreadIn(ben, roomId), bens + 2, "a mention goes before");
  await send(fixture, ada, roomId, text("outside threads"));
  assert.equal(await unreadIn(ben, roomId), bens + 3);
  assert.equal(await unreadIn(cleo, roomId), cleos + 4);

  await ask("DELETE", ben, roomId, followed);
  await send(fixture, ada, roomId, reply(followed));
  assert.equal(await unreadIn(ben, roomId), bens + 3);
});

test("the first subscription switches the rules on; a member's own choice stands", async () => {
  const dora = await fixture.user("dora");
  const roomId = await makeRoom(fixture, ada, [dora]);
  const root = await send(fixture, ada, roomId, text("root"));
  const rules = async (): Promise<boolean[]> => {
    const { body } = await fixture.request("GET", "/v3/pushrules/global", { token: dora.token });
    return body.postcontent.map((rule: { enabled: boolean }) => rule.enabled);
  };
  assert.deepEqual(await rules(), [false, false]);
  await ask("PUT", dora, roomId, root, {});
  assert.deepEqual(await rules(), [true, true]);
  const unsubscribed = "/v3/pushrules/global/postcontent/.io.element.msc4306.rule.unsubscribed_thread";
  await fixture.request("PUT", `${unsubscribed}/enabled`, { token: dora.token, body: { enabled: false } });
  await ask("DELETE", dora, roomId, root);
  await ask("PUT", dora, roomId, root, {});
  assert.deepEqual(await rules(), [false, true]);
});

test("a client's own subscribing gives way to what the member did", async () => {
  const emil = await fixture.user("emil");
  const roomId = await makeRoom(fixture, ada, [emil]);
  const root = await send(fixture, ada, roomId, text("root"));
  const first = await send(fixture, ada, roomId, reply(root));
  const get = async () => (await ask("GET", emil, roomId, root)).body;
  await ask("PUT", emil, roomId, root, { automatic: first });
  assert.deepEqual(await get(), { automatic: true });
  await ask("PUT", emil, roomId, root, {});
  assert.deepEqual(await get(), { automatic: false });
  await ask("PUT", emil, roomId, root, { automatic: first });
  assert.deepEqual(await get(), { automatic: false });

  await ask("DELETE", emil, roomId, root);
  assert.equal((await ask("GET", emil, roomId, root)).status, 404);
  const late = await ask("PUT", emil, roomId, root, { automatic: first });
  assert.deepEqual(
    [late.status, late.body.errcode],
    [409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION"],
  );
  const second = await send(fixture, ada, roomId, reply(root));
  assert.equal((await ask("PUT", emil, roomId, root, { automatic: second })).status, 200);
  assert.deepEqual(await get(), { automatic: true });
});

test("only to what one may read, and only because of what is in the thread", async () => {
  const fay = await fixture.user("fay");
  const roomId = await makeRoom(fixture, ada, [fay]);
  const closed = await makeRoom(fixture, ada, [], { preset: "private_chat" });
  const root = await send(fixture, ada, roomId, text("root"));
  const secret = await send(fixture, ada, closed, text("secret"));
  const elsewhere = await send(fixture, ada, roomId, text("elsewhere"));
  const expect = async (answer: Promise<Reply>, status: number, errcode: string): Promise<void> => {
    const { status: got, body } = await answer;
    assert.deepEqual([got, body.errcode], [status, errcode]);
  };
  for (const method of ["GET", "PUT", "DELETE"]) {
    const body = method === "PUT" ? {} : undefined;
    await expect(ask(method, fay, closed, secret, body), 404, "M_NOT_FOUND");
    await expect(ask(method, fay, roomId, "$nowhere", body), 404, "M_NOT_FOUND");
    await expect(ask(method, fay, roomId, secret, body), 404, "M_NOT_FOUND");
    await expect(ask(method, fay, roomId, "nonsense", body), 400, "M_INVALID_PARAM");
  }
  const outside = "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD";
  await expect(ask("PUT", fay, roomId, root, { automatic: root }), 400, outside);
  await expect(ask("PUT", fay, roomId, root, { automatic: elsewhere }), 400, outside);
  await expect(ask("PUT", fay, roomId, root, { automatic: "$nowhere" }), 404, "M_NOT_FOUND");
  await expect(ask("PUT", fay, roomId, root, { automatic: 7 }), 400, "M_BAD_JSON");
  assert.equal((await ask("DELETE", fay, roomId, root)).status, 200);
});

test("what changed is paged backwards, each thread once, as it is by then", async () => {
  const gus = await fixture.user("gus");
  const roomId = await makeRoom(fixture, ada, [gus]);
  const roots: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    roots.push(await send(fixture, ada, roomId, text(`root ${index}`)));
    await ask("PUT", gus, roomId, roots[index]!, {});
  }
  await ask("DELETE", gus, roomId, roots[0]!);
  const middle = `s${fixture.matrix.stream.current()}_0~abcdefghijklmnop.1.1`;
  const seen = new Map<string, boolean>();
  let from: string | undefined;
  let pages = 0;
  do {
    const { body } = await changes(gus, { dir: "b", limit: "2", ...(from !== undefined && { from }) });
    for (const root of Object.keys(body.subscribed?.[roomId] ?? {})) seen.set(root, true);
    for (const root of Object.keys(body.unsubscribed?.[roomId] ?? {})) seen.set(root, false);
    from = body.end;
    pages += 1;
  } while (from !== undefined);
  assert.equal(pages, 3);
  assert.deepEqual(
    roots.map((root) => seen.get(root)),
    [false, true, true, true, true],
  );
  assert.deepEqual((await changes(gus, { dir: "b", to: middle })).body, {});
  for (const query of [{}, { dir: "f" }, { dir: "b", limit: "0" }, { dir: "b", from: "x" }]) {
    assert.equal((await changes(gus, query as Record<string, string>)).body.errcode, "M_INVALID_PARAM");
  }
});

test("sliding sync tells what changed, the newest of it, and wakes for it", async () => {
  const hal = await fixture.user("hal");
  const roomId = await makeRoom(fixture, ada, [hal]);
  const [one = "", two = "", three = ""] = await Promise.all(
    ["one", "two", "three"].map((body) => send(fixture, ada, roomId, text(body))),
  );
  const name = "io.element.msc4308.thread_subscriptions";
  const body = { extensions: { [name]: { enabled: true, limit: 2 } } };
  const first = await slide({ fixture }, hal, body);
  assert.equal(name in first.extensions, false);

  const waiting = slide({ fixture }, hal, body, { pos: first.pos, timeout: 10_000 });
  await ask("PUT", hal, roomId, one, {});
  const second = await waiting;
  assert.deepEqual(Object.keys(second.extensions[name].subscribed[roomId]), [one]);

  await ask("PUT", hal, roomId, two, {});
  await ask("PUT", hal, roomId, three, {});
  await ask("DELETE", hal, roomId, one);
  const third = await slide({ fixture }, hal, body, { pos: second.pos });
  const { subscribed, unsubscribed, prev_batch: from } = third.extensions[name];
  assert.deepEqual([Object.keys(subscribed[roomId]), Object.keys(unsubscribed[roomId])], [[three], [one]]);
  assert.equal(subscribed[roomId][three].automatic, false);
  assert.equal(typeof subscribed[roomId][three].bump_stamp, "number");
  // As clients page: from what the answer bears, to what the request bore.
  const rest = await changes(hal, { dir: "b", from, to: second.pos });
  assert.deepEqual(Object.keys(rest.body.subscribed[roomId]), [two]);
  assert.equal(rest.body.end, undefined);
});

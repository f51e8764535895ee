import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RESUMABLE_UPLOAD_PATH } from "../../shared/limits.ts";
import { type House, openHouse } from "../apps/matrix/rooms/house.ts";
import { type Operation, operationsOf } from "./plausible-request.ts";
import { type Visit, walk, worldOf } from "./walk.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

/** What answers without an account: each is looked at below, or tells the same to everyone. */
const open = [
  "GET /_matrix/client/versions",
  "GET /.well-known/matrix/client",
  "GET /.well-known/matrix/support",
  "GET /.well-known/matrix/policy_server",
  "GET /_matrix/client/v1/auth_metadata",
  "GET /_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
  "GET /_matrix/client/v3/login/sso/redirect",
  "GET /_matrix/client/v3/login/sso/redirect/:idpId",
  "GET /_matrix/client/v3/login",
  "POST /_matrix/client/v3/login",
  "POST /_matrix/client/v3/refresh",
  "POST /_matrix/client/v3/register",
  "GET /_matrix/client/v3/register/available",
  "GET /_matrix/client/v1/register/m.login.registration_token/validity",
  // Says of every alias that there is none.
  "GET /_matrix/client/v3/directory/room/:roomAlias",
  // Says of every room that it is not listed.
  "GET /_matrix/client/v3/directory/list/room/:roomId",
  ...["register", "account/password", "account/3pid"].flatMap((path) =>
    ["email", "msisdn"].map((medium) => `POST /_matrix/client/v3/${path}/${medium}/requestToken`),
  ),
  // The id of a delayed event is the secret by which it is managed.
  ...["", "/restart", "/send", "/cancel"].map(
    (action) => `POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId${action}`,
  ),
  "GET /_matrix/federation/v1/version",
  // Frozen: 404 to everyone.
  "GET /_matrix/media/v3/download/:serverName/:mediaId",
  "GET /_matrix/media/v3/download/:serverName/:mediaId/:fileName",
  "GET /_matrix/media/v3/thumbnail/:serverName/:mediaId",
  "GET /_matrix/key/v2/query",
  "POST /_matrix/key/v2/query",
];
const isOpen = ({ method, path }: Operation): boolean =>
  method === "OPTIONS" || open.includes(`${method} ${path}`);
const isLogout = ({ path }: Operation): boolean => path.startsWith("/_matrix/client/v3/logout");
const isClosed = (operation: Operation): boolean => !isOpen(operation);

function expectAll(visits: readonly Visit[], status: number, errcode: string): void {
  assert.ok(visits.length > 60, "the operations are there");
  for (const { what, reply } of visits)
    assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], what);
}

test("without a good token every operation but the few open ones answers 401, and knows nothing of its path", async () => {
  const { fixture, ada, ben } = house;
  const room = await house.make(ada);
  const event = await house.say(ada, room, "hello");
  await house.call(ada, "PUT", `/directory/room/${encodeURIComponent("#taken:burrow.localhost")}`, {
    room_id: room,
  });
  const world = worldOf(ada, ben, room, event);
  for (const [token, errcode] of [
    [undefined, "M_MISSING_TOKEN"],
    ["", "M_MISSING_TOKEN"],
    ["bat_unknown", "M_UNKNOWN_TOKEN"],
    [`${ada.token}x`, "M_UNKNOWN_TOKEN"],
    [ada.token.slice(4), "M_UNKNOWN_TOKEN"],
  ] as const) {
    const request = { world, only: isClosed, ...(token !== undefined && { token }) };
    const known = await walk(fixture, request);
    expectAll(known, 401, errcode);
    const parameters = {
      userId: "%40nobody%3Aburrow.localhost",
      roomId: "!none",
      roomAlias: "%23x%3Aburrow.localhost",
    };
    const unknown = await walk(fixture, { ...request, parameters });
    assert.deepEqual(
      unknown.map(({ reply }) => reply.body),
      known.map(({ reply }) => reply.body),
    );
  }
});

/** §Account suspension: what a suspended member may not do. */
const forbiddenToSuspended = [
  "POST createRoom",
  "POST join/:roomIdOrAlias",
  "POST knock/:roomIdOrAlias",
  ...["join", "invite", "kick", "ban", "unban"].map((act) => `POST rooms/:roomId/${act}`),
  "PUT rooms/:roomId/send/:eventType/:txnId",
  ...["", "/", "/:stateKey"].map((end) => `PUT rooms/:roomId/state/:eventType${end}`),
  "PUT rooms/:roomId/typing/:userId",
  "PUT profile/:userId/:keyName",
  "DELETE profile/:userId/:keyName",
  "PUT directory/room/:roomAlias",
  "DELETE directory/room/:roomAlias",
  "PUT directory/list/room/:roomId",
  "POST rooms/:roomId/upgrade",
]
  .map((operation) => operation.replace(" ", " /_matrix/client/v3/"))
  .concat(
    "POST /_matrix/media/v3/upload",
    "PUT /_matrix/media/v3/upload/:serverName/:mediaId",
    "POST /_matrix/media/v1/create",
    `POST ${RESUMABLE_UPLOAD_PATH}`,
    ...["PATCH", "DELETE"].map((method) => `${method} ${RESUMABLE_UPLOAD_PATH}/:uploadId`),
  );

test("a suspended member may read, leave and mind their own keys and devices, and nothing else", async () => {
  const { fixture, ada } = house;
  const eve = await fixture.user("eva");
  const room = await house.make(eve);
  await house.act(eve, "invite", room, { user_id: ada.userId });
  await house.act(ada, "join", room);
  await house.setState(eve, room, "m.room.power_levels", { users: { [eve.userId]: 100 } });
  const mine = await house.say(eve, room, "mine");
  const theirs = await house.say(ada, room, "theirs");
  await fixture.members.suspend(eve.memberId);
  const isForbidden = ({ method, path }: Operation): boolean =>
    forbiddenToSuspended.includes(`${method} ${path}`);
  const world = worldOf(eve, ada, room, mine);
  const refused = await walk(fixture, { world, token: eve.token, only: isForbidden });
  assert.equal(refused.length, forbiddenToSuspended.length);
  for (const { what, reply } of refused) {
    assert.deepEqual([reply.status, reply.body.errcode], [403, "M_USER_SUSPENDED"], what);
  }
  const redact = (id: string) =>
    house.call(eve, "PUT", `/rooms/${room}/redact/${encodeURIComponent(id)}/r${id.slice(1, 5)}`, {});
  assert.equal((await redact(theirs)).body.errcode, "M_USER_SUSPENDED");
  assert.equal((await redact(mine)).status, 200);
  const others = (operation: Operation): boolean =>
    isClosed(operation) && !isForbidden(operation) && !isLogout(operation);
  for (const { what, reply } of await walk(fixture, { world, token: eve.token, only: others })) {
    assert.notEqual(reply.body?.errcode, "M_USER_SUSPENDED", what);
  }
});

test("a locked member may sign out, and nothing else, from the very next request on", async () => {
  const { fixture, ada } = house;
  const eve = await fixture.user("eve");
  const room = await house.make(eve);
  const world = worldOf(eve, ada, room, await house.say(eve, room, "hello"));
  await fixture.members.lock(eve.memberId);
  const only = (operation: Operation): boolean => isClosed(operation) && !isLogout(operation);
  expectAll(await walk(fixture, { world, token: eve.token, only }), 401, "M_USER_LOCKED");
  const [signedOut] = await walk(fixture, { world, token: eve.token, only: isLogout });
  assert.equal(signedOut?.reply.status, 200, signedOut?.what);
  expectAll(await walk(fixture, { world, token: eve.token, only: isClosed }), 401, "M_UNKNOWN_TOKEN");
});

test("a deactivated member's token is worth nothing on any operation", async () => {
  const { fixture, ada } = house;
  const eve = await fixture.user("evan");
  const room = await house.make(eve);
  const world = worldOf(eve, ada, room, await house.say(eve, room, "hello"));
  await fixture.members.deactivate(eve.memberId);
  expectAll(await walk(fixture, { world, token: eve.token, only: isClosed }), 401, "M_UNKNOWN_TOKEN");
});

test("an expired token is told to refresh on every operation, and a refresh token used up brings nothing", async () => {
  const { fixture, ada } = house;
  const room = await house.make(ada);
  const world = worldOf(ada, house.ben, room, "$x");
  const opened = await fixture.members.openSession(ada.memberId, { refreshable: true, address: "192.0.2.1" });
  fixture.clock.now += 2 * 60 * 60 * 1000;
  const expired = await walk(fixture, { world, token: opened.accessToken, only: isClosed });
  expectAll(expired, 401, "M_UNKNOWN_TOKEN");
  assert.ok(expired.every(({ reply }) => reply.body.soft_logout === true));

  const refresh = (token: unknown) =>
    fixture.request("POST", "/v3/refresh", { body: { refresh_token: token } });
  const renewed = await refresh(opened.refreshToken);
  assert.equal(renewed.status, 200);
  const { access_token: token } = renewed.body;
  assert.equal((await fixture.request("GET", "/v3/account/whoami", { token })).status, 200);
  // The new pair was used: the old refresh token is a replay now, and costs the thief's target nothing.
  const again = await refresh(renewed.body.refresh_token);
  assert.equal(again.status, 200);
  for (const replay of [opened.refreshToken, opened.accessToken, token, ""]) {
    const reply = await refresh(replay);
    assert.deepEqual([reply.status, reply.body.errcode, reply.guess], [401, "M_UNKNOWN_TOKEN", "failed"]);
  }
  assert.equal(
    (await fixture.request("GET", "/v3/account/whoami", { token: again.body.access_token })).status,
    200,
  );
});

test("parallel refreshes of one token all work, and end when one of the new pairs is used", async () => {
  const { fixture, ben } = house;
  const opened = await fixture.members.openSession(ben.memberId, { refreshable: true, address: "192.0.2.1" });
  const body = { refresh_token: opened.refreshToken };
  const replies = await Promise.all(
    Array.from({ length: 3 }, () => fixture.request("POST", "/v3/refresh", { body })),
  );
  const tokens = replies.map((reply) => reply.body.access_token as string);
  assert.equal(new Set(tokens).size, 3);
  const statusOf = async (token: string) =>
    (await fixture.request("GET", "/v3/account/whoami", { token })).status;
  const [used = "", ...others] = tokens;
  assert.equal(await statusOf(used), 200);
  // The retirement is a write of its own, behind the answer; a refresh waits in the same line.
  await fixture.request("POST", "/v3/refresh", { body });
  for (const token of [...others, opened.accessToken]) assert.equal(await statusOf(token), 401);
  assert.equal(await statusOf(used), 200);
});

test("who has no account cannot tell a name that is taken from one that is free", async () => {
  const { fixture } = house;
  const password = "violet anchor biscuit";
  const probes = (name: string): Promise<{ status: number; body: object; guess: string }>[] =>
    [
      fixture.request("POST", "/v3/register", { body: { username: name, password } }),
      fixture.request("POST", "/v3/register", {
        body: { username: name, password, auth: { type: "m.login.registration_token", token: "bit_wrong" } },
      }),
      fixture.request("POST", "/v3/register", {
        body: { username: name, password, auth: { type: "m.login.dummy" } },
      }),
      fixture.request("GET", `/v3/register/available?username=${name}`),
      fixture.request("POST", "/v3/login", {
        body: { type: "m.login.password", identifier: { type: "m.id.user", user: name }, password },
      }),
      fixture.request("POST", "/v3/login", {
        body: { type: "m.login.password", user: `@${name}:burrow.localhost`, password },
      }),
      fixture.request("GET", `/v3/profile/@${name}:burrow.localhost`),
    ].map(async (asked) => {
      const { status, body, guess } = await asked;
      const { session: _, ...told } = body;
      return { status, body: told, guess };
    });
  assert.deepEqual(await Promise.all(probes("ada")), await Promise.all(probes("nobody")));
  // Nor whether an invite is good.
  const validity = "/v1/register/m.login.registration_token/validity?token=";
  const invite = await fixture.invite();
  const told = await Promise.all(
    [invite, "bit_wrong"].map((token) => fixture.request("GET", `${validity}${token}`)),
  );
  assert.deepEqual(told[0]?.body, told[1]?.body);
});

test("every open operation is in the list", () => {
  const operations = operationsOf(house.fixture.routes).map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(
    open.filter((operation) => !operations.includes(operation)),
    [],
  );
});

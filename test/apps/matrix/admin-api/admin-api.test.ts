import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { operationsOf } from "../../../conformance/plausible-request.ts";
import { accepted, type House, openHouse, refused, type ShownEvent } from "../rooms/house.ts";
import { type Owner, owner } from "../moderation/owner.ts";

let house: House;
let keeper: Owner;
before(async () => {
  house = await openHouse();
  keeper = await owner(house.fixture);
});
after(() => house.fixture.close());

const ofOwners = () =>
  operationsOf(house.fixture.routes).filter(({ path }) => path.startsWith("/_burrow/admin/v1/"));

test("nobody but an owner gets anything, and pages of other origins are told nothing", async () => {
  const { ada, fixture } = house;
  assert.ok(ofOwners().length > 20);
  for (const { method, path: pattern } of ofOwners()) {
    const at = pattern.replaceAll(/:\w+/g, "x");
    for (const [token, status, errcode] of [
      [ada.token, 403, "M_FORBIDDEN"],
      ["btt_guess", 401, "M_UNKNOWN_TOKEN"],
      [undefined, 401, "M_MISSING_TOKEN"],
    ] as const) {
      const reply = await fixture.request(method, at, {
        ...(token !== undefined && { token }),
        ...(method !== "GET" && { body: {} }),
      });
      assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], `${method} ${at}`);
      assert.equal(reply.headers.get("access-control-allow-origin"), null);
      assert.equal(reply.headers.get("cache-control"), "no-store");
    }
  }
  const preflight = await fixture.request("OPTIONS", "/_burrow/admin/v1/members", { token: "" });
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  refused(await keeper.ask("GET", "/nothing"), 404, "M_UNRECOGNIZED");
  refused(await keeper.ask("PATCH", "/members", {}), 405, "M_UNRECOGNIZED");
});

test("an API key of the owner does what its scopes say, and never changes a password", async () => {
  const { fixture } = house;
  const { members } = fixture;
  const owners = members.find(keeper.user.name);
  const bens = members.find("ada");
  const keyOf = async (memberId: number | undefined, scopes: string[]) => {
    const request = {
      memberId: memberId ?? 0,
      kind: "api-key",
      name: "",
      scopes,
      expiresInMs: 60_000,
    } as const;
    return (await members.keys.create({ via: "device" }, request)).secret;
  };
  const reading = await keyOf(owners?.id, ["admin:read"]);
  const writing = await keyOf(owners?.id, ["admin:write"]);
  const others = [await keyOf(owners?.id, ["metrics"]), await keyOf(bens?.id, ["apps"])];
  for (const { method, path: pattern } of ofOwners()) {
    const path = pattern.replaceAll(/:\w+/g, "x");
    const ask = (token: string) =>
      fixture.request(method, path, { token, ...(method !== "GET" && { body: {} }) });
    const never = pattern.endsWith("/password");
    for (const [token, allowed] of [
      [reading, method === "GET"],
      [writing, !never],
      ...others.map((other) => [other, false] as const),
    ] as const) {
      const { status, body, guess } = await ask(token);
      const forbidden = status === 403 && /API key|owner of this server/.test(body.error);
      assert.equal(!forbidden, allowed, `${method} ${path}: ${status}`);
      assert.equal(guess, "ok");
    }
  }
  const wrong = await fixture.request("GET", "/_burrow/admin/v1/members", { token: "burrow_key_guess" });
  refused(wrong, 401, "M_UNKNOWN_TOKEN");
  assert.equal(wrong.guess, "failed");
  refused(await fixture.request("GET", "/v3/account/whoami", { token: writing }), 401, "M_UNKNOWN_TOKEN");
});

test("members: made, found, listed in pages, given another password", async () => {
  const { fixture } = house;
  const made = await keeper.ask("POST", "/members", { name: "Dora" });
  accepted(made);
  const { password } = made.body;
  const login = (secret: string) =>
    fixture.request("POST", "/v3/login", {
      body: {
        type: "m.login.password",
        identifier: { type: "m.id.user", user: "dora" },
        password: secret,
      },
    });
  const session = await login(password);
  accepted(session);
  refused(await keeper.ask("POST", "/members", { name: "dora" }), 409, "M_USER_IN_USE");
  refused(await keeper.ask("POST", "/members", { name: "_server" }), 400, "M_INVALID_PARAM");
  refused(await keeper.ask("POST", "/members", { name: "x", password: "1" }), 400, "M_WEAK_PASSWORD");

  const page = (await keeper.ask("GET", "/members?limit=2")).body;
  assert.deepEqual([page.members.length, page.next, page.total], [2, 2, 5]);
  const found = (await keeper.ask("GET", "/members?search=dor")).body.members;
  assert.deepEqual(
    found.map((one: ShownEvent) => [one.name, one.state, one.devices]),
    [["dora", "active", 1]],
  );
  const reset = await keeper.ask("POST", "/members/dora/password");
  assert.equal(reset.body.signed_out, 1);
  refused(await login(password), 403, "M_FORBIDDEN");
  accepted(await login(reset.body.password));
  refused(await keeper.ask("GET", "/members/nobody"), 404, "M_NOT_FOUND");
});

test("one device is kicked, or all of them, in force on the very next request", async () => {
  const { fixture, ben } = house;
  const phone = await fixture.user("ben");
  const whoami = async (token: string) =>
    (await fixture.request("GET", "/v3/account/whoami", { token })).status;
  const listed = (await keeper.ask("GET", "/members/ben/devices")).body.devices;
  assert.deepEqual(
    listed.map((one: ShownEvent) => one.device_id).toSorted(),
    [ben.deviceId, phone.deviceId].toSorted(),
  );
  accepted(await keeper.ask("DELETE", `/members/ben/devices/${phone.deviceId}`));
  assert.deepEqual([await whoami(phone.token), await whoami(ben.token)], [401, 200]);
  refused(await keeper.ask("DELETE", `/members/ben/devices/${phone.deviceId}`), 404, "M_NOT_FOUND");
  assert.equal((await keeper.ask("POST", "/members/ben/sign-out")).body.signed_out, 1);
  assert.equal(await whoami(ben.token), 401);
});

test("suspended, locked and closed accounts, and owners are safe from it", async () => {
  const { cleo } = house;
  const suspended = await keeper.ask("PUT", "/members/cleo/suspended", { suspended: true });
  assert.deepEqual([suspended.body.state, suspended.body.locked], ["suspended", false]);
  const locked = await keeper.ask("PUT", "/members/cleo/locked", { locked: true });
  assert.deepEqual([locked.body.state, locked.body.locked], ["suspended", true]);
  refused(await house.call(cleo, "GET", "/account/whoami"), 401, "M_USER_LOCKED");
  await keeper.ask("PUT", "/members/cleo/locked", { locked: false });
  accepted(await house.call(cleo, "GET", "/account/whoami"));
  const closed = await keeper.ask("POST", "/members/cleo/deactivate");
  assert.equal(closed.body.state, "deactivated");
  refused(await house.call(cleo, "GET", "/account/whoami"), 401, "M_UNKNOWN_TOKEN");
  for (const [method, act, body] of [
    ["PUT", "suspended", { suspended: true }],
    ["PUT", "locked", { locked: true }],
    ["POST", "deactivate", {}],
  ] as const) {
    refused(await keeper.ask(method, `/members/keeper/${act}`, body), 403, "M_FORBIDDEN");
  }
});

test("invites are made, listed without their token, and withdrawn", async () => {
  const made = (await keeper.ask("POST", "/invites", { name: "for Emil", expires_in_seconds: 3600 })).body;
  assert.match(made.url, new RegExp(`/invite#${made.token}$`));
  const { members } = house.fixture;
  assert.equal(members.inviteValid(made.token), true);
  const listed = (await keeper.ask("GET", "/invites")).body.invites.at(-1);
  assert.deepEqual([listed.id, listed.name, listed.token], [made.id, "for Emil", undefined]);
  accepted(await keeper.ask("DELETE", `/invites/${made.id}`));
  assert.equal(members.inviteValid(made.token), false);
  refused(await keeper.ask("DELETE", `/invites/${made.id}`), 404, "M_NOT_FOUND");
  refused(await keeper.ask("POST", "/invites", { uses: 0 }), 400, "M_INVALID_PARAM");
});

test("the statistics count what there is", async () => {
  const { ada } = house;
  const earlier = (await keeper.ask("GET", "/statistics")).body;
  const room = await house.make(ada);
  await house.say(ada, room, "one more");
  const picture = { token: ada.token, body: "0123456789", headers: { "content-type": "text/plain" } };
  accepted(await house.fixture.request("POST", "/_matrix/media/v3/upload", picture));
  const { body } = await keeper.ask("GET", "/statistics");
  assert.equal(body.media_bytes, earlier.media_bytes + 10);
  assert.equal(body.rooms, earlier.rooms + 1);
  assert.ok(body.events > earlier.events && body.event_bytes > earlier.event_bytes);
  assert.ok(body.members.seen_today >= 2 && body.members.total >= 4);
});

test("the command line's ticket speaks for the owner for an hour, and until it is ended", async () => {
  const { fixture } = house;
  const ticket = await fixture.members.createTicket();
  const ask = (token: string, at = "/_burrow/admin/v1/members") => fixture.request("GET", at, { token });
  accepted(await ask(ticket));
  refused(await ask(ticket, "/_matrix/client/v3/account/whoami"), 401, "M_UNKNOWN_TOKEN");
  await fixture.members.endTicket(ticket);
  refused(await ask(ticket), 401, "M_UNKNOWN_TOKEN");
  const forgotten = await fixture.members.createTicket();
  fixture.clock.now += 61 * 60 * 1000;
  refused(await ask(forgotten), 401, "M_UNKNOWN_TOKEN");
});

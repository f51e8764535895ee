/** The operations of the specification that are for owners: whois, suspend, lock. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createFixture, type Fixture, type User } from "../fixture.ts";
import { accepted, path, refused } from "../rooms/house.ts";

let fixture: Fixture;
let keeper: User;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  [keeper, ada, ben] = [await fixture.user("keeper"), await fixture.user("ada"), await fixture.user("ben")];
});
after(() => fixture.close());

const ask = (user: User, method: string, rest: string, body?: object) =>
  fixture.request(method, rest, { token: user.token, body });

test("whois tells an owner of everybody, and a member of themselves only", async () => {
  const own = await ask(ada, "GET", `/v3/admin/whois/${path(ada.userId)}`);
  assert.equal(own.body.user_id, ada.userId);
  assert.equal(own.body.devices[ada.deviceId].sessions[0].connections[0].ip, "192.0.2.1");
  accepted(await ask(keeper, "GET", `/v3/admin/whois/${path(ada.userId)}`));
  refused(await ask(keeper, "GET", "/v3/admin/whois/@none:burrow.localhost"), 404, "M_NOT_FOUND");
  const known = await ask(ada, "GET", `/v3/admin/whois/${path(ben.userId)}`);
  refused(known, 403, "M_FORBIDDEN");
  const unknown = await ask(ada, "GET", "/v3/admin/whois/@none:burrow.localhost");
  assert.deepEqual(unknown.body, known.body);
});

for (const [name, key] of [
  ["suspend", "suspended"],
  ["lock", "locked"],
] as const) {
  test(`${name}: only an owner, only a member of this server who is there, and never an owner`, async () => {
    const at = (userId: string) => `/v1/admin/${name}/${path(userId)}`;
    assert.deepEqual((await ask(keeper, "GET", at(ben.userId))).body, { [key]: false });
    assert.deepEqual((await ask(keeper, "PUT", at(ben.userId), { [key]: true })).body, { [key]: true });
    assert.deepEqual((await ask(keeper, "GET", at(ben.userId))).body, { [key]: true });
    const denied = await ask(ben, "PUT", `/v3/profile/${path(ben.userId)}/displayname`, { displayname: "B" });
    assert.equal(denied.body.errcode, name === "lock" ? "M_USER_LOCKED" : "M_USER_SUSPENDED");
    accepted(await ask(keeper, "PUT", at(ben.userId), { [key]: false }));
    accepted(await ask(ben, "PUT", `/v3/profile/${path(ben.userId)}/displayname`, { displayname: "B" }));

    // Whether there is such an account is not told before it is known who asks.
    for (const userId of [ben.userId, "@none:burrow.localhost", "@x:example.org"]) {
      refused(await ask(ada, "GET", at(userId)), 403, "M_FORBIDDEN");
      refused(await ask(ada, "PUT", at(userId), { [key]: true }), 403, "M_FORBIDDEN");
    }
    refused(await ask(keeper, "GET", at("@none:burrow.localhost")), 404, "M_NOT_FOUND");
    refused(await ask(keeper, "GET", at("@x:example.org")), 400, "M_INVALID_PARAM");
    refused(await ask(keeper, "PUT", at(keeper.userId), { [key]: true }), 403, "M_FORBIDDEN");
    refused(await ask(keeper, "PUT", at(ben.userId), {}), 400, "M_MISSING_PARAM");
    refused(await ask(keeper, "PUT", at(ben.userId), { [key]: 1 }), 400, "M_BAD_JSON");
  });
}

test("the capability is told to owners alone", async () => {
  const of = async (user: User) =>
    (await ask(user, "GET", "/v3/capabilities")).body.capabilities["m.account_moderation"];
  assert.deepEqual(await of(keeper), { suspend: true, lock: true });
  assert.equal(await of(ada), undefined);
});

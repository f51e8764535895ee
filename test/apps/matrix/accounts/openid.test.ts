import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

const closed = await createFixture();
const open = await createFixture({ environment: { BURROW_MATRIX_OPENID_USERINFO: "open" } });
after(() => Promise.all([closed.close(), open.close()]));

const request = (fixture: Fixture, user: User, of = user) =>
  fixture.request("POST", `/v3/user/${encodeURIComponent(of.userId)}/openid/request_token`, {
    token: user.token,
    body: {},
  });
const check = (fixture: Fixture, token: string) =>
  fixture.request("GET", `/_matrix/federation/v1/openid/userinfo?access_token=${token}`);

test("a member gets a token for themselves, which opens nothing else", async () => {
  const [ada, ben] = [await closed.user("ada"), await closed.user("ben")];
  const { status, body } = await request(closed, ada);
  assert.equal(status, 200);
  assert.deepEqual(
    [body.token_type, body.matrix_server_name, body.expires_in],
    ["Bearer", "burrow.localhost", 3600],
  );
  const whoami = await closed.request("GET", "/v3/account/whoami", { token: body.access_token });
  assert.equal(whoami.status, 401);
  assert.equal((await request(closed, ben, ada)).status, 403);
});

test("nobody can check it until the owner opens that: federation is closed, this path too", async () => {
  const ada = await closed.user("ada");
  const { body } = await request(closed, ada);
  const refused = await check(closed, body.access_token);
  assert.deepEqual([refused.status, refused.body.errcode], [404, "M_UNRECOGNIZED"]);
  assert.equal(
    closed.routes.some((route) => route.path === "/.well-known/matrix/server"),
    false,
  );
});

test("opened, it tells whose a token is, for an hour, while they are signed in, and opens nothing more", async () => {
  const ada = await open.user("ada");
  const token = (await request(open, ada)).body.access_token;
  assert.deepEqual((await check(open, token)).body, { sub: ada.userId });
  assert.deepEqual((await check(open, token)).body, { sub: ada.userId });
  for (const other of ["", "unknown", ada.token]) {
    assert.ok([400, 401].includes((await check(open, other)).status), other);
  }
  const server = await open.request("GET", "/.well-known/matrix/server");
  assert.deepEqual(server.body, { "m.server": "burrow.localhost:443" });
  for (const path of ["v1/publicRooms", "v1/query/profile", "v2/send_join/a/b"]) {
    assert.equal((await open.request("GET", `/_matrix/federation/${path}`)).status, 404, path);
  }

  const other = await open.user("ada");
  const others = (await request(open, other)).body.access_token;
  await open.members.endSession(other.memberId, other.deviceId);
  assert.equal((await check(open, others)).body.errcode, "M_UNKNOWN_TOKEN");
  open.clock.now += 3_600_000;
  assert.equal((await check(open, token)).body.errcode, "M_UNKNOWN_TOKEN");
});

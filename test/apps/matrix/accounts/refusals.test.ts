import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createFixture } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());
const { token } = await fixture.user("ada");

const email = { client_secret: "abc", email: "ada@example.org", send_attempt: 1 };
const identityServer = { ...email, id_server: "id.example.org", id_access_token: "abc" };

test("addresses are neither kept nor verified, and each request is told so in the specification's words", async () => {
  for (const [path, body, status, errcode] of [
    ["register/email/requestToken", email, 403, "M_THREEPID_DENIED"],
    ["register/msisdn/requestToken", email, 403, "M_THREEPID_DENIED"],
    ["account/password/email/requestToken", email, 403, "M_THREEPID_DENIED"],
    ["account/password/msisdn/requestToken", email, 403, "M_THREEPID_DENIED"],
    ["account/3pid/email/requestToken", email, 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"],
    ["account/3pid/msisdn/requestToken", email, 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"],
    ["register/email/requestToken", identityServer, 400, "M_SERVER_NOT_TRUSTED"],
    ["account/3pid/email/requestToken", identityServer, 400, "M_SERVER_NOT_TRUSTED"],
  ] as const) {
    const reply = await fixture.request("POST", `/v3/${path}`, { body });
    assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], path);
  }
  for (const [path, status, errcode] of [
    ["", 400, "M_THREEPID_AUTH_FAILED"],
    ["/add", 400, "M_THREEPID_AUTH_FAILED"],
    ["/bind", 400, "M_SERVER_NOT_TRUSTED"],
  ] as const) {
    const full = `/v3/account/3pid${path}`;
    const reply = await fixture.request("POST", full, { token, body: { sid: "1", client_secret: "abc" } });
    assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], path);
    assert.equal((await fixture.request("POST", full, { body: {} })).status, 401, path);
  }
  for (const path of ["delete", "unbind"]) {
    const body = { medium: "email", address: "ada@example.org" };
    const reply = await fixture.request("POST", `/v3/account/3pid/${path}`, { token, body });
    assert.deepEqual(reply.body, { id_server_unbind_result: "no-support" });
  }
});

test("there are no bridges, no application services, no single sign-on", async () => {
  for (const [method, path, status, errcode] of [
    ["GET", "/v3/thirdparty/protocol/irc", 404, "M_NOT_FOUND"],
    ["GET", "/v3/thirdparty/location/irc", 404, "M_NOT_FOUND"],
    ["GET", "/v3/thirdparty/user/irc", 404, "M_NOT_FOUND"],
    ["GET", "/v3/thirdparty/location?alias=%23a:b", 404, "M_NOT_FOUND"],
    ["GET", "/v3/thirdparty/user?userid=@a:b", 404, "M_NOT_FOUND"],
    ["POST", "/v1/appservice/irc/ping", 403, "M_FORBIDDEN"],
    ["GET", "/v3/login/sso/redirect?redirectUrl=https://example.org", 404, "M_NOT_FOUND"],
    ["GET", "/v3/login/sso/redirect/oidc", 404, "M_NOT_FOUND"],
  ] as const) {
    const body = method === "POST" ? { body: {} } : {};
    const reply = await fixture.request(method, path, { token, ...body });
    assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], path);
    // Nothing of it is somewhere to be redirected to.
    assert.equal(reply.headers.get("location"), null);
  }
});

test("where OAuth is turned off, clients are told to sign in by password", async () => {
  const off = await createFixture({ environment: { BURROW_MATRIX_OAUTH: "off" } });
  try {
    for (const path of ["/v1/auth_metadata", "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata"]) {
      const reply = await off.request("GET", path);
      assert.deepEqual([reply.status, reply.body.errcode], [404, "M_UNRECOGNIZED"]);
      assert.equal((await fixture.request("GET", path)).body.issuer, "http://id.burrow.localhost");
    }
  } finally {
    await off.close();
  }
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { createFixture } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());

test("a client finds versions, features and the server's address without an account", async () => {
  const versions = await fixture.request("GET", "/_matrix/client/versions");
  assert.equal(versions.status, 200);
  assert.ok(versions.body.versions.includes("v1.1"));
  // matrix-rust-sdk moves to authenticated media by this very text.
  assert.ok(versions.body.versions.includes("v1.11"));
  assert.equal(versions.headers.get("access-control-allow-origin"), "*");

  const wellKnown = await fixture.request("GET", "/.well-known/matrix/client");
  assert.deepEqual(wellKnown.body, { "m.homeserver": { base_url: "http://burrow.localhost" } });
  assert.equal(wellKnown.headers.get("access-control-allow-origin"), "*");
});

test("nobody is named for support until the owner names somebody, and this is no policy server", async () => {
  await fixture.user("ada");
  for (const path of ["support", "policy_server"]) {
    const answer = await fixture.request("GET", `/.well-known/matrix/${path}`);
    assert.deepEqual([answer.status, answer.body.errcode], [404, "M_NOT_FOUND"], path);
  }
});

test("the owner's contact, support page and LiveKit are told where they are set", async () => {
  const told = await createFixture({
    environment: {
      BURROW_MATRIX_SUPPORT_PAGE: "https://example.org/help",
      BURROW_MATRIX_SUPPORT_CONTACT: "@keeper:example.org",
      BURROW_MATRIX_LIVEKIT_SERVICE_URL: "https://livekit.example.org",
    },
  });
  try {
    const support = await told.request("GET", "/.well-known/matrix/support");
    assert.deepEqual(support.body, {
      contacts: [{ matrix_id: "@keeper:example.org", role: "m.role.admin" }],
      support_page: "https://example.org/help",
    });
    const transports = [{ type: "livekit", livekit_service_url: "https://livekit.example.org" }];
    const client = await told.request("GET", "/.well-known/matrix/client");
    assert.deepEqual(client.body["org.matrix.msc4143.rtc_foci"], transports);
    const { token } = await told.user("ada");
    const path = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports";
    assert.deepEqual((await told.request("GET", path, { token })).body, { rtc_transports: transports });
    assert.equal((await told.request("GET", path)).status, 401);
  } finally {
    await told.close();
  }
});

test("there is no federation, but the software's name and version are told", async () => {
  const { version } = JSON.parse(
    await readFile(new URL("../../../../package.json", import.meta.url), "utf8"),
  );
  const answer = await fixture.request("GET", "/_matrix/federation/v1/version");
  assert.deepEqual(answer.body, { server: { name: "Burrow", version } });
  for (const path of [
    "/_matrix/federation/v1/publicRooms",
    "/_matrix/federation/v2/send_join/a/b",
    "/_matrix/key/v2/server",
    "/_matrix/key/v2/query",
  ]) {
    const refused = await fixture.request("GET", path);
    assert.equal(refused.status, 404, path);
    assert.equal(refused.body.errcode, "M_UNRECOGNIZED", path);
  }
  assert.equal((await fixture.request("PUT", "/_matrix/key/v2/query")).status, 405);
});

test("unknown paths are 404, known ones with another method 405, both with CORS", async () => {
  for (const [method, path, status] of [
    ["GET", "/_matrix/client/v3/nonsense", 404],
    ["POST", "/_matrix/client/v1/auth_metadata", 405],
    ["DELETE", "/_matrix/client/v3/login", 405],
    ["GET", "/_matrix/client/v3/logout", 405],
    ["POST", "/_matrix/federation/v1/version", 405],
  ] as const) {
    const answer = await fixture.request(method, path);
    assert.equal(answer.status, status, path);
    assert.equal(answer.body.errcode, "M_UNRECOGNIZED", path);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*", path);
  }
});

test("capabilities name the room versions, and deny what this server does not do", async () => {
  const ada = await fixture.user("ada");
  const { body } = await fixture.request("GET", "/v3/capabilities", { token: ada.token });
  const { default: usual, available } = body.capabilities["m.room_versions"];
  assert.equal(usual, "11");
  for (let version = 1; version <= 12; version += 1) assert.equal(available[version], "stable");
  assert.equal(available["org.matrix.msc3757.10"], "unstable");
  assert.equal(body.capabilities["m.3pid_changes"].enabled, false);
  assert.equal(body.capabilities["m.get_login_token"].enabled, true);
  assert.equal((await fixture.request("GET", "/v3/capabilities")).body.errcode, "M_MISSING_TOKEN");
});

test("what clients ask for at their start is answered, also under r0, and only to members", async () => {
  const { token } = await fixture.user("ada");
  for (const [path, expected] of [
    ["/v3/voip/turnServer", {}],
    ["/v3/thirdparty/protocols", {}],
    ["/v3/pushers", { pushers: [] }],
    ["/v3/account/3pid", { threepids: [] }],
    ["/_matrix/client/r0/voip/turnServer", {}],
  ] as const) {
    assert.deepEqual((await fixture.request("GET", path, { token })).body, expected, path);
    assert.equal((await fixture.request("GET", path)).status, 401, path);
  }
});

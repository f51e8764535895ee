import assert from "node:assert/strict";

import type { Fixture, User } from "../../apps/matrix/fixture.ts";
import { type Driver, unnamed } from "./drive.ts";

/** What a server has no part in that keeps no addresses and has no bridges, application services or single sign-on. */
export async function driveRefusals(driver: Driver, fixture: Fixture, ada: User): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const protocol = { protocol: "irc" };
  for (const kind of ["protocol", "location", "user"]) {
    await drive("GET", `/v3/thirdparty/${kind}/{protocol}`, protocol, { as: ada, status: 404 });
  }
  await drive("GET", "/v3/thirdparty/location", {}, { as: ada, status: 404, query: { alias: "#a:b" } });
  await drive("GET", "/v3/thirdparty/user", {}, { as: ada, status: 404, query: { userid: "@a:b" } });
  const ping = "/v1/appservice/{appserviceId}/ping";
  await drive("POST", ping, { appserviceId: "irc" }, { as: ada, status: 403, body: {} });
  for (const path of ["/v3/login/sso/redirect", "/v3/login/sso/redirect/{idpId}"]) {
    // The specification foresees no server without single sign-on.
    const refused = await fixture.request("GET", path.replace("{idpId}", "x"));
    assert.equal(refused.status, 404);
    driver.driven.add(`GET /_matrix/client${unnamed(path)}`);
  }

  const wanted = { client_secret: "abc", email: "ada@example.org", send_attempt: 1 };
  for (const medium of ["email", "msisdn"]) {
    for (const path of ["register", "account/password"]) {
      await drive("POST", `/v3/${path}/${medium}/requestToken`, {}, { status: 403, body: wanted });
    }
    await drive("POST", `/v3/account/3pid/${medium}/requestToken`, {}, { status: 400, body: wanted });
  }
  const session = { as: ada, body: { sid: "1", client_secret: "abc" } };
  for (const path of ["3pid", "3pid/add", "3pid/bind"]) {
    const refused = await fixture.request("POST", `/v3/account/${path}`, {
      token: ada.token,
      body: session.body,
    });
    assert.equal(refused.status, 400);
    driver.driven.add(`POST /_matrix/client/v3/account/${path}`);
  }
  const address = { as: ada, body: { medium: "email", address: "ada@example.org" } };
  await drive("POST", "/v3/account/3pid/delete", {}, address);
  await drive("POST", "/v3/account/3pid/unbind", {}, address);
}

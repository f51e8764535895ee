import assert from "node:assert/strict";

import type { Fixture, User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** Every operation of the content repository once, on a server whose largest upload is 4 MB. */
export async function driveMedia(driver: Driver, fixture: Fixture, ada: User, ben: User): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const idOf = (uri: string) => ({ serverName: "burrow.localhost", mediaId: uri.split("/").at(-1) ?? "" });
  const upload = "/_matrix/media/v3/upload";
  const query = { filename: "a.txt" };
  const sent = await drive("POST", upload, {}, { as: ada, query, body: "hello" });
  const there = idOf(sent.body.content_uri);
  await drive("POST", upload, {}, { as: ada, status: 413, body: "x".repeat(4_000_001) });
  const made = await drive("POST", "/_matrix/media/v1/create", {}, { as: ada });
  const later = idOf(made.body.content_uri);
  const one = `${upload}/{serverName}/{mediaId}`;
  const download = "/v1/media/download/{serverName}/{mediaId}";
  await drive("GET", download, later, { as: ben, status: 504, query: { timeout_ms: "0" } });
  await drive("PUT", one, later, { as: ben, status: 403, body: "hers" });
  await drive("PUT", one, later, { as: ada, body: "at last" });
  await drive("PUT", one, later, { as: ada, status: 409, body: "again" });
  await drive("PUT", one, { ...later, mediaId: "never" }, { as: ada, status: 404, body: "x" });
  assert.equal((await drive("GET", download, there, { as: ben })).body, "hello");
  await drive("GET", `${download}/{fileName}`, { ...later, fileName: "b.txt" }, { as: ben });
  const thumbnail = "/v1/media/thumbnail/{serverName}/{mediaId}";
  await drive("GET", thumbnail, there, { as: ben, status: 400, query: { width: "32", height: "32" } });
  const address = { url: "https://example.org/" };
  await drive("GET", "/v1/media/preview_url", {}, { as: ada, query: address });
  await drive("GET", "/_matrix/media/v3/preview_url", {}, { as: ada, query: address });
  await drive("GET", "/v1/media/config", {}, { as: ada });
  await drive("GET", "/_matrix/media/v3/config", {}, { as: ada });
  // "MAY return 404 M_NOT_FOUND" says the text, and the schemas do not foresee it.
  for (const old of ["download/{}/{}", "download/{}/{}/{}", "thumbnail/{}/{}"]) {
    const path = `/_matrix/media/v3/${old}`;
    const reply = await fixture.request("GET", path.replaceAll("{}", "x"));
    assert.deepEqual([reply.status, reply.body.errcode], [404, "M_NOT_FOUND"]);
    driver.driven.add(`GET ${path}`);
  }
}

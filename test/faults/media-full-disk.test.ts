/** Uploads to a disk without room: refused in words, nothing half kept, and what is there is still served. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ownerPassword } from "../members/open-members.ts";
import { startOriginProcess } from "../support/origin-process.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { mountSmallDisk } from "../support/small-disk.ts";

const resumable = "/_matrix/media/unstable/burrow/resumable";

test("an upload that the disk has no room for is refused, and goes on when there is", {
  timeout: 60_000,
}, async (t) => {
  const disk = await mountSmallDisk(t, { bytes: 16_000_000 });
  if ("missing" in disk) return t.skip(disk.missing);
  const origin = await startOriginProcess({
    dataDir: join(disk.path, "data"),
    within: disk.within,
    onLog: () => {},
  });
  t.after(() => origin.kill("SIGKILL"));
  const client = createSignedClient({ origin: origin.url, edgeKey: origin.edgeKey, host: "127.0.0.1" });
  t.after(() => client.close());
  const body = new URLSearchParams({ token: origin.setupToken ?? "", name: "dora", password: ownerPassword });
  const form = { "content-type": "application/x-www-form-urlencoded", origin: "https://127.0.0.1" };
  await client.request({ method: "POST", path: "/setup", body: body.toString(), headers: form });
  const identifier = { type: "m.id.user", user: "dora" };
  const login = { type: "m.login.password", identifier, password: ownerPassword };
  const signedIn = await client.request({ method: "POST", path: "/_matrix/client/v3/login", body: login });
  const token = String(signedIn.json()["access_token"]);
  const ask = (method: string, path: string, content?: Uint8Array, headers: Record<string, string> = {}) =>
    client.request({ method, path, token, body: content, headers });
  const upload = (content: Uint8Array) => ask("POST", "/_matrix/media/v3/upload", content);
  const download = (uri: unknown) =>
    ask("GET", `/_matrix/client/v1/media/download/${String(uri).slice("mxc://".length)}`);

  const small = randomBytes(20_000);
  const kept = (await upload(small)).json()["content_uri"];
  const large = randomBytes(2_000_000);
  const tus = { "tus-resumable": "1.0.0" };
  const begun = await ask("POST", resumable, undefined, { ...tus, "upload-length": String(large.length) });
  const path = String(begun.headers["location"]);
  const append = (offset: number) =>
    ask("PATCH", path, large.subarray(offset), {
      ...tus,
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream",
    });

  disk.fill();
  for (const refused of [await upload(large), await append(0)]) {
    assert.equal(refused.status, 507, refused.text);
    assert.equal(refused.json()["errcode"], "M_RESOURCE_LIMIT_EXCEEDED");
    assert.match(refused.text, /disk of this server is full/);
  }
  assert.ok((await download(kept)).bytes.equals(small));
  assert.deepEqual(readdirSync(join(disk.seen, "data", "blobs", "incoming")), []);

  disk.free();
  const offset = Number((await ask("HEAD", path, undefined, tus)).headers["upload-offset"]);
  const rest = await append(offset);
  assert.equal(rest.status, 204, rest.text);
  assert.ok((await download(rest.headers["matrix-content-uri"])).bytes.equals(large));
  const again = randomBytes(500_000);
  assert.ok((await download((await upload(again)).json()["content_uri"])).bytes.equals(again));
});

/**
 * Files of members through the real Worker in workerd: streamed both ways, in ranges, and in parts where one request
 * cannot carry them.
 */
import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { createClient } from "matrix-js-sdk";

import { BODY_MAX_BYTES } from "../../shared/limits.ts";
import { type RunningEdge, startEdge } from "../../origin/cli/dev/edge-process.ts";
import { type MediaHouse, openMediaHouse } from "../apps/matrix/media/media-house.ts";
import { makePng } from "../apps/matrix/media/pictures.ts";
import { forgetfulLogger } from "../support/matrix-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = temporaryFolder({ after });
let house: MediaHouse;
let edge: RunningEdge;

before(async () => {
  house = await openMediaHouse(join(folder, "data"));
  const { url, edgeKey, hosts } = house.home.facts;
  edge = await startEdge({
    root,
    origin: new URL(url).host,
    edgeKey,
    hosts,
    port: 0,
    persistDir: join(folder, "edge"),
  });
});

after(async () => {
  await edge?.stop();
  await house?.close();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new URL(path, edge.url), {
    ...init,
    headers: { authorization: `Bearer ${house.ada}`, ...(init.headers as Record<string, string>) },
  });

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const download = "/_matrix/client/v1/media/download/";

async function hashOf(response: Response): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest("hex");
}

test("30 MB go up and come down, whole and in ranges, and stay inert on the way", async () => {
  const bytes = randomFillSync(Buffer.alloc(30_000_000));
  const sent = await ask("/_matrix/media/v3/upload?filename=film.mp4", {
    method: "POST",
    body: bytes,
    headers: { "content-type": "video/mp4" },
  });
  assert.equal(sent.status, 200);
  const { content_uri: uri } = (await sent.json()) as { content_uri: string };
  const path = download + uri.slice("mxc://".length);

  const whole = await ask(path);
  assert.equal(whole.status, 200);
  assert.equal(await hashOf(whole), sha256(bytes));
  assert.match(whole.headers.get("content-security-policy") ?? "", /^sandbox/);
  assert.equal(whole.headers.get("cross-origin-resource-policy"), "cross-origin");
  assert.match(whole.headers.get("content-disposition") ?? "", /^attachment; filename="film\.mp4"$/);

  const part = await ask(path, { headers: { range: "bytes=10000000-10999999" } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get("content-range"), "bytes 10000000-10999999/30000000");
  assert.equal(await hashOf(part), sha256(bytes.subarray(10_000_000, 11_000_000)));
  const same = await ask(path, { headers: { "if-none-match": whole.headers.get("etag") ?? "" } });
  assert.equal(same.status, 304);
  assert.equal((await fetch(new URL(path, edge.url))).status, 401);

  // Who leaves in the middle does not keep the file open.
  const left = await ask(path);
  await left.body?.cancel();
});

test("an ordinary client uploads, and has its picture and the thumbnail back by authenticated media", async (t) => {
  const client = createClient({ baseUrl: edge.url, accessToken: house.ada, logger: forgetfulLogger });
  t.after(() => client.stopClient());
  const picture = makePng(640, 480);
  const name = "caf\u00e9.png";
  const { content_uri: uri } = await client.uploadContent(
    new Blob([new Uint8Array(picture)], { type: "image/png" }),
    {
      name,
    },
  );
  const get = (url: string | null): Promise<Response> => ask(new URL(url ?? "").href);
  const whole = await get(client.mxcUrlToHttp(uri, undefined, undefined, undefined, false, true, true));
  assert.equal(await hashOf(whole), sha256(picture));
  assert.equal(whole.headers.get("content-disposition"), "inline; filename*=utf-8''caf%C3%A9.png");
  const small = await get(client.mxcUrlToHttp(uri, 96, 96, "crop", false, true, true));
  assert.equal(small.status, 200);
  assert.match(small.headers.get("content-type") ?? "", /^image\/(?:jpeg|png)$/);
  assert.equal((await client.getMediaConfig(true))["m.upload.size"], BODY_MAX_BYTES);
});

test("what one request cannot carry goes in parts, as the edge says", async () => {
  const bytes = randomFillSync(Buffer.alloc(BODY_MAX_BYTES + 6_000_000));
  const refused = await ask("/_matrix/media/v3/upload", { method: "POST", body: bytes });
  assert.equal(refused.status, 413);
  const { errcode, error } = (await refused.json()) as { errcode: string; error: string };
  assert.equal(errcode, "M_TOO_LARGE");
  const endpoint = /POST (\S+)/.exec(error)?.[1] ?? "";

  const tus = { "tus-resumable": "1.0.0" };
  const made = await ask(endpoint, {
    method: "POST",
    headers: { ...tus, "upload-length": String(bytes.length) },
  });
  assert.equal(made.status, 201);
  const path = made.headers.get("location") ?? "";
  let uri: string | null = null;
  for (let offset = 0; offset < bytes.length; ) {
    const sent = await ask(path, {
      method: "PATCH",
      body: bytes.subarray(offset, offset + 40_000_000),
      headers: { ...tus, "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
    });
    assert.equal(sent.status, 204);
    const head = await ask(path, { method: "HEAD", headers: tus });
    offset = Number(sent.headers.get("upload-offset"));
    assert.equal(head.headers.get("upload-offset"), String(offset));
    uri = sent.headers.get("matrix-content-uri");
  }
  const whole = await ask(download + String(uri).slice("mxc://".length));
  assert.equal(await hashOf(whole), sha256(bytes));
  const allowed = await ask(endpoint, { method: "OPTIONS" });
  assert.match(allowed.headers.get("access-control-allow-methods") ?? "", /PATCH/);
  assert.deepEqual(house.log, []);
});

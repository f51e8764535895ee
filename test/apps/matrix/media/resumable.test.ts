/** Uploads in parts, by tus 1.0: over restarts, lost connections and wrong requests. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { Answer } from "../../../support/signed-client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { idOf, type MediaHouse, type MediaRequest, openMediaHouse } from "./media-house.ts";
import { makePng } from "./pictures.ts";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"), "max_resumable_size = 3000000\nmedia_quota = 5000000");
});
after(() => house.close());

const endpoint = "/_matrix/media/unstable/burrow/resumable";
const errorOf = (answer: Answer) => [answer.status, answer.json()["errcode"]];

function tus(method: string, path: string, headers: Record<string, string> = {}, more: MediaRequest = {}) {
  return house.ask(method, path, { ...more, headers: { "tus-resumable": "1.0.0", ...headers } });
}

function begin(length: number, name = "film.mp4", type = "video/mp4"): Promise<Answer> {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const metadata = `filename ${encode(name)},filetype ${encode(type)}`;
  return tus("POST", endpoint, { "upload-length": String(length), "upload-metadata": metadata });
}

const start = async (length: number, ...file: [string?, string?]): Promise<string> =>
  String((await begin(length, ...file)).headers["location"]);

const partHeaders = (offset: number): Record<string, string> => ({
  "tus-resumable": "1.0.0",
  "upload-offset": String(offset),
  "content-type": "application/offset+octet-stream",
});

const patch = (path: string, offset: number, body: Uint8Array, more: MediaRequest = {}): Promise<Answer> =>
  house.ask("PATCH", path, { body, ...more, headers: partHeaders(offset) });

const offsetOf = async (path: string): Promise<number> =>
  Number((await tus("HEAD", path)).headers["upload-offset"]);

test("a file goes in parts, over a restart, and ends in an mxc", async () => {
  const bytes = randomBytes(2_500_000);
  const made = await begin(bytes.length, "\u00fcber.mp4");
  assert.equal(made.status, 201);
  assert.equal(made.headers["upload-offset"], "0");
  assert.ok(Date.parse(String(made.headers["upload-expires"])) > Date.now());
  const path = String(made.headers["location"]);
  assert.match(path, /^\/_matrix\/media\/unstable\/burrow\/resumable\/[\w-]{24}$/);

  const first = await patch(path, 0, bytes.subarray(0, 1_000_000));
  assert.deepEqual([first.status, first.headers["upload-offset"]], [204, "1000000"]);
  assert.equal(first.headers["matrix-content-uri"], undefined);
  await house.restart();
  const head = await tus("HEAD", path);
  assert.deepEqual([head.status, head.headers["upload-offset"]], [200, "1000000"]);
  assert.equal(head.headers["upload-length"], "2500000");
  assert.equal(head.headers["cache-control"], "no-store");

  const last = await patch(path, 1_000_000, bytes.subarray(1_000_000));
  const uri = String(last.headers["matrix-content-uri"]);
  assert.match(String(last.headers["access-control-expose-headers"]), /Matrix-Content-Uri/);
  const answer = await house.download(idOf(uri));
  assert.ok(answer.bytes.equals(bytes));
  assert.equal(answer.headers["content-disposition"], "attachment; filename*=utf-8''%C3%BCber.mp4");
  // Its answer may have been lost: who asks again is told again.
  for (const again of [await tus("HEAD", path), await patch(path, 2_500_000, Buffer.alloc(0))]) {
    assert.equal(again.headers["matrix-content-uri"], uri);
  }
  assert.deepEqual(readdirSync(join(house.dataDir, "uploads")), []);
});

test("a connection that is lost costs only what had not arrived, and does not hold up the next one", async () => {
  const bytes = randomBytes(600_000);
  const path = await start(bytes.length);
  const lost = house.askAlone("PATCH", path, {
    body: bytes.subarray(0, 200_000),
    headers: { ...partHeaders(0), "content-length": "600000" },
  });
  const file = join(house.dataDir, "uploads", path.slice(endpoint.length + 1));
  while (statSync(file).size < 200_000) await pause(5);
  // The first connection is still open here: whoever asks takes over.
  assert.equal(await offsetOf(path), 200_000);
  assert.deepEqual(errorOf(await lost), [400, "M_UNKNOWN"]);
  const rest = await patch(path, 200_000, bytes.subarray(200_000));
  const answer = await house.download(idOf(String(rest.headers["matrix-content-uri"])));
  assert.ok(answer.bytes.equals(bytes));
});

test("killed between the last part and its answer, it is finished by whoever asks next", async () => {
  const bytes = randomBytes(50_000);
  const path = await start(bytes.length);
  // What the dead process left: all of the bytes, and nothing that says so.
  writeFileSync(join(house.dataDir, "uploads", path.slice(endpoint.length + 1)), bytes);
  const uri = String((await tus("HEAD", path)).headers["matrix-content-uri"]);
  assert.ok((await house.download(idOf(uri))).bytes.equals(bytes));
});

test("what a client gets wrong is told, and changes nothing", async () => {
  const path = await start(100_000);
  const part = randomBytes(1000);
  await patch(path, 0, part);
  const wrong: [Promise<Answer>, number, string][] = [
    [patch(path, 0, part), 409, "M_UNKNOWN"],
    [patch(path, 5000, part), 409, "M_UNKNOWN"],
    [patch(path, 1000, randomBytes(99_001)), 413, "M_TOO_LARGE"],
    [patch(path, 1000, randomBytes(99_001), { chunked: true }), 413, "M_TOO_LARGE"],
    [tus("PATCH", path, { "upload-offset": "1000" }, { body: part }), 415, "M_UNKNOWN"],
    [tus("PATCH", path, { "content-type": "application/offset+octet-stream" }), 400, "M_MISSING_PARAM"],
    [
      tus("PATCH", path, { "upload-offset": "x", "content-type": "application/offset+octet-stream" }),
      400,
      "M_INVALID_PARAM",
    ],
    [house.ask("PATCH", path, { body: part }), 412, "M_UNKNOWN"],
    [patch(path, 1000, part, { token: house.ben }), 404, "M_NOT_FOUND"],
    [tus("DELETE", path, {}, { token: house.ben }), 404, "M_NOT_FOUND"],
    [tus("DELETE", path, {}, { token: undefined }), 401, "M_MISSING_TOKEN"],
    [tus("POST", endpoint), 400, "M_MISSING_PARAM"],
    [tus("POST", endpoint, { "upload-length": "-1" }), 400, "M_INVALID_PARAM"],
    [begin(3_000_001), 413, "M_TOO_LARGE"],
    [patch(`${endpoint}/..%2f..%2fburrow.toml`, 0, part), 400, "M_INVALID_PARAM"],
    [patch(`${endpoint}/nothing`, 0, part), 404, "M_NOT_FOUND"],
  ];
  for (const [at, [asked, status, errcode]] of wrong.entries()) {
    assert.deepEqual(errorOf(await asked), [status, errcode], `case ${at}`);
  }
  assert.equal(await offsetOf(path), 1000);
  const gone = await tus("DELETE", path);
  assert.equal(gone.status, 204);
  assert.deepEqual(errorOf(await tus("GET", path)), [404, "M_NOT_FOUND"]);
});

test("a browser may send what tus needs, and is told what is served", async () => {
  const answer = await house.ask("OPTIONS", endpoint, { token: undefined });
  assert.equal(answer.status, 204);
  assert.match(String(answer.headers["access-control-allow-methods"]), /PATCH/);
  assert.match(String(answer.headers["access-control-allow-headers"]), /Upload-Offset/);
  assert.equal(answer.headers["tus-version"], "1.0.0");
  assert.equal(answer.headers["tus-max-size"], "3000000");
  const told = await house.ask("GET", "/_matrix/client/v1/media/config");
  assert.deepEqual(told.json()["burrow.resumable"], { path: endpoint, max_size: 3_000_000 });
});

test("unfinished uploads count against the quota together, and expire", async () => {
  // More than 3 MB of ada's five are taken by the tests above.
  const first = await start(1_000_000);
  assert.deepEqual(errorOf(await begin(1_000_000)), [413, "M_TOO_LARGE"]);
  const { database, media } = house.matrix;
  await database.write(() => void database.prepare("UPDATE media_resumable SET expires_at = 1").run());
  assert.deepEqual(errorOf(await tus("GET", first)), [404, "M_NOT_FOUND"]);
  writeFileSync(join(house.dataDir, "uploads", "left-behind"), "by a crash");
  await media.tidy();
  assert.equal(house.rows("SELECT id FROM media_resumable").length, 0);
  assert.deepEqual(readdirSync(join(house.dataDir, "uploads")), []);
  assert.equal((await begin(1_000_000)).status, 201);
});

test("a complete file is looked at like any other upload", async () => {
  const page = Buffer.from("<!doctype html><script>alert(1)</script>");
  const refused = await patch(await start(page.length, "a.png", "image/png"), 0, page);
  assert.deepEqual(errorOf(refused), [403, "M_FORBIDDEN"]);
  const png = makePng(8, 8);
  const kept = await patch(await start(png.length, "a.png", "image/png"), 0, png);
  const served = await house.download(idOf(String(kept.headers["matrix-content-uri"])));
  assert.equal(served.headers["content-type"], "image/png");
  const empty = await begin(0);
  assert.equal(empty.status, 201);
  assert.equal((await house.download(idOf(String(empty.headers["matrix-content-uri"])))).text, "");
  assert.deepEqual(house.log, []);
});

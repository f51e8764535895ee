/** Uploads and downloads, over real sockets: what comes back, and how inert it is (M5, L3). */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type ReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { KeptBlobs } from "../../../../origin/storage/kept-blobs.ts";
import { serveMedia } from "../../../../origin/apps/matrix/media/serve-media.ts";
import { makeZip } from "../../../host/archive/hostile.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type MediaHouse, openMediaHouse, serverName } from "./media-house.ts";
import { makePng } from "./pictures.ts";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"), "max_upload_size = 1000000\nmedia_quota = 6000000");
});
after(() => house.close());

const media = "/_matrix/client/v1/media";
const errorOf = (answer: { json(): Record<string, unknown>; status: number }) => [
  answer.status,
  answer.json()["errcode"],
];

test("an upload comes back as it was, inert, to members only", async () => {
  const bytes = randomBytes(300_000);
  const id = await house.upload(bytes);
  const answer = await house.download(id);
  assert.equal(answer.status, 200);
  assert.ok(answer.bytes.equals(bytes));
  const { headers } = answer;
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.equal(headers["content-disposition"], "attachment");
  assert.equal(headers["content-length"], "300000");
  assert.match(String(headers["content-security-policy"]), /^sandbox; default-src 'none'/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cross-origin-resource-policy"], "cross-origin");
  assert.equal(headers["access-control-allow-origin"], "*");
  assert.match(String(headers["cache-control"]), /^private/);

  const path = `${media}/download/${serverName}/${id}`;
  assert.deepEqual(errorOf(await house.ask("GET", path, { token: undefined })), [401, "M_MISSING_TOKEN"]);
  assert.deepEqual(errorOf(await house.ask("GET", path, { token: "bat_x" })), [401, "M_UNKNOWN_TOKEN"]);
  assert.equal((await house.ask("GET", path, { token: house.ben })).status, 200);
  for (const other of [
    `${media}/download/elsewhere.example/${id}`,
    `${media}/download/${serverName}/nothing`,
  ]) {
    assert.deepEqual(errorOf(await house.ask("GET", other)), [404, "M_NOT_FOUND"]);
  }
});

test("the addresses without authentication serve nothing, to nobody", async () => {
  const id = await house.upload(makePng(4, 4), "image/png");
  for (const path of [`download/${serverName}/${id}`, `download/${serverName}/${id}/a.png`]) {
    for (const token of [undefined, house.ada]) {
      const answer = await house.ask("GET", `/_matrix/media/v3/${path}`, { token });
      assert.deepEqual(errorOf(answer), [404, "M_NOT_FOUND"]);
    }
  }
});

test("names come back as they were, in any script, and another one when the address gives it", async () => {
  const names: [string, string][] = [
    ["report.pdf.png", 'inline; filename="report.pdf.png"'],
    ['a "quoted" \\ name.png', 'inline; filename="a \\"quoted\\" \\\\ name.png"'],
    ["gr\u00fc\u00dfe \u{1f98a}'s.png", "inline; filename*=utf-8''gr%C3%BC%C3%9Fe%20%F0%9F%A6%8A%27s.png"],
    ["line\r\nset-cookie: a=b.png", 'inline; filename="lineset-cookie: a=b.png"'],
  ];
  for (const [name, disposition] of names) {
    const id = await house.upload(makePng(3, 3), "image/png", name);
    assert.equal((await house.download(id)).headers["content-disposition"], disposition);
    const other = await house.ask(
      "GET",
      `${media}/download/${serverName}/${id}/${encodeURIComponent("\u2603.png")}`,
    );
    assert.equal(other.headers["content-disposition"], "inline; filename*=utf-8''%E2%98%83.png");
  }
});

const png = makePng(5, 5);
const html = "<!doctype html><html><script>alert(1)</script></html>";
const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
const heic = Buffer.concat([Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"), randomBytes(200)]);

/** What is sent, as what, under which name; the type and the disposition that come back. */
const agreeing: [string | Buffer, string, string | undefined, string, string][] = [
  [png, "image/png", "a.png", "image/png", "inline"],
  [png, "Image/PNG; x=y", undefined, "Image/PNG; x=y", "inline"],
  ["hello", "text/plain", "a.txt", "text/plain", "inline"],
  ["hello", "text/plain; charset=utf-8", undefined, "text/plain; charset=utf-8", "inline"],
  [svg, "image/svg+xml", "a.svg", "image/svg+xml", "attachment"],
  [html, "text/html", "a.html", "text/html", "attachment"],
  // A page in disguise of a text: a browser that guesses must not get the chance.
  [html, "text/plain", "a.txt", "text/plain", "attachment"],
  [heic, "image/heic", "a.heic", "image/heic", "attachment"],
  ["%PDF-1.7\n1 0 obj\n", "application/pdf", "a.pdf", "application/pdf", "attachment"],
  [png, "img/png", undefined, "img/png", "attachment"],
  // Harmless both ways: clients err.
  [png, "Text/Plain; charset=utf-8", undefined, "Text/Plain; charset=utf-8", "inline"],
  [heic, "image/jpeg", "a.jpg", "image/jpeg", "inline"],
  // An encrypted file that calls itself a picture.
  [randomBytes(500), "image/png", "a.png", "application/octet-stream", "attachment"],
  [randomBytes(500), "application/octet-stream", undefined, "application/octet-stream", "attachment"],
  ["hello", "not a type", undefined, "application/octet-stream", "attachment"],
  ["", "image/png", undefined, "image/png", "attachment"],
];

test("a type is served as it was declared, and shown only where nothing can run", async () => {
  for (const [body, type, name, servedType, disposition] of agreeing) {
    const { headers, status } = await house.download(await house.upload(body, type, name));
    const about = `${type} ${name}`;
    assert.equal(status, 200, about);
    assert.equal(headers["content-type"], servedType, about);
    assert.equal(String(headers["content-disposition"]).split(";")[0], disposition, about);
  }
});

test("what is something else than it says, and may run, is refused and not kept", async () => {
  const zip = makeZip([{ name: "a.txt" }]);
  const refused: [string | Buffer, string][] = [
    [html, "image/png"],
    [svg, "image/jpeg"],
    [zip, "image/gif"],
    ["%PDF-1.7\n", "image/png"],
    [Buffer.concat([png, zip]), "image/png"],
    [Buffer.concat([png, zip]), "text/plain"],
  ];
  const kept = house.rows("SELECT hash FROM media_blobs").length;
  for (const [body, type] of refused) {
    const headers = { "content-type": type };
    const answer = await house.ask("POST", "/_matrix/media/v3/upload", { body, headers });
    assert.deepEqual(errorOf(answer), [403, "M_FORBIDDEN"], type);
  }
  await house.matrix.media.tidy();
  assert.equal(house.rows("SELECT hash FROM media_blobs").length, kept);
});

test("ranges, conditions and HEAD, as a player and a cache ask", async () => {
  const bytes = randomBytes(100_000);
  const id = await house.upload(bytes, "video/mp4");
  const range = async (value: string, more = {}) => house.download(id, { range: value, ...more });
  const cases: [string, number, number][] = [
    ["bytes=0-0", 0, 0],
    ["bytes=500-999", 500, 999],
    ["bytes=99990-", 99_990, 99_999],
    ["bytes=-10", 99_990, 99_999],
    ["bytes=0-999999999", 0, 99_999],
    ["bytes=-999999", 0, 99_999],
  ];
  for (const [value, first, last] of cases) {
    const part = await range(value);
    assert.equal(part.status, 206, value);
    assert.equal(part.headers["content-range"], `bytes ${first}-${last}/100000`);
    assert.ok(part.bytes.equals(bytes.subarray(first, last + 1)), value);
  }
  for (const value of ["bytes=100000-", "bytes=-0"]) {
    const part = await range(value);
    assert.deepEqual([part.status, part.headers["content-range"]], [416, "bytes */100000"], value);
  }
  for (const value of ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"]) {
    assert.equal((await range(value)).status, 200, value);
  }
  const whole = await house.download(id);
  const etag = String(whole.headers["etag"]);
  assert.equal((await range("bytes=0-1", { "if-range": etag })).status, 206);
  assert.equal((await range("bytes=0-1", { "if-range": '"other"' })).status, 200);
  for (const condition of [etag, `"x", W/${etag}`, "*"]) {
    const same = await house.download(id, { "if-none-match": condition });
    assert.deepEqual([same.status, same.bytes.length], [304, 0]);
    assert.equal(same.headers["etag"], etag);
  }
  const path = `${media}/download/${serverName}/${id}`;
  const head = await house.ask("HEAD", path);
  assert.deepEqual([head.status, head.headers["content-length"], head.bytes.length], [200, "100000", 0]);
});

test("a limit holds whether the length is told or not, and says which it is", async () => {
  const most = await house.ask("GET", `${media}/config`);
  assert.equal(most.json()["m.upload.size"], 1_000_000);
  assert.deepEqual((await house.ask("GET", "/_matrix/media/v3/config")).json(), most.json());
  for (const chunked of [false, true]) {
    const body = Buffer.alloc(1_000_001);
    const answer = await house.ask("POST", "/_matrix/media/v3/upload", { body, chunked });
    assert.deepEqual(errorOf(answer), [413, "M_TOO_LARGE"]);
    assert.match(answer.text, /in parts, by tus/);
  }
  await house.upload(Buffer.alloc(1_000_000));
});

test("a member's quota holds, also against uploads at once, and is each one's own", async () => {
  const upload = (token: string) =>
    house.ask("POST", "/_matrix/media/v3/upload", { token, body: randomBytes(900_000) });
  const statuses = (await Promise.all(Array.from({ length: 9 }, () => upload(house.ben)))).map(
    ({ status }) => status,
  );
  assert.equal(statuses.filter((status) => status === 200).length, 6);
  assert.equal(statuses.filter((status) => status === 413).length, 3);
  const [used] = house.rows<{ bytes: number; sum: number }>(
    `SELECT bytes, (SELECT sum(size) FROM media WHERE holder = u.holder) AS sum FROM media_usage u
       WHERE holder = '@ben:${serverName}'`,
  );
  assert.deepEqual([used?.bytes, used?.sum], [5_400_000, 5_400_000]);
  const full = await upload(house.ben);
  assert.match(full.text, /may take 6 MB, and 600000 bytes of that are free/);
  assert.equal((await upload(house.ada)).status, 200);
});

test("the same content is stored once, and goes with the last that needs it", async () => {
  const bytes = randomBytes(5000);
  const ids = [await house.upload(bytes), await house.upload(bytes, "text/plain", "b.txt")];
  const { hash } = house.rows<{ hash: string }>(`SELECT hash FROM media WHERE id = '${ids[0]}'`)[0]!;
  const refs = (): number[] =>
    house
      .rows<{ refs: number }>(`SELECT refs FROM media_blobs WHERE hash = '${hash}'`)
      .map((row) => row.refs);
  assert.deepEqual(refs(), [2]);
  const { database, media: repository } = house.matrix;
  const remove = async (id: string | undefined): Promise<void> => {
    await database.write(() => void database.prepare("DELETE FROM media WHERE id = ?").run(id ?? ""));
    await repository.tidy();
  };
  await remove(ids[0]);
  assert.deepEqual(refs(), [1]);
  assert.ok((await house.download(ids[1] ?? "")).bytes.equals(bytes));
  await remove(ids[1]);
  assert.deepEqual(refs(), []);
  assert.equal(await repository.blobs.has(hash), false);
});

test("a blob that is being deleted survives whoever uploads it again meanwhile", async () => {
  const { database, media: repository } = house.matrix;
  for (let round = 0; round < 10; round += 1) {
    const bytes = randomBytes(100);
    const first = await house.upload(bytes);
    await database.write(() => void database.prepare("DELETE FROM media WHERE id = ?").run(first));
    const [again] = await Promise.all([house.upload(bytes), repository.tidy(), repository.tidy()]);
    assert.ok((await house.download(again)).bytes.equals(bytes));
  }
});

test("a client that stops reading stops the reading of the file, and one that leaves closes it", async () => {
  const id = await house.upload(randomBytes(1_000_000));
  const { hash } = house.rows<{ hash: string }>(`SELECT hash FROM media WHERE id = '${id}'`)[0]!;
  const { blobs } = house.matrix.media;
  let stream: ReadStream | undefined;
  const watched: KeptBlobs = {
    ...blobs,
    async open(name, range) {
      const blob = await blobs.open(name, range);
      stream = blob?.stream as ReadStream;
      return blob;
    },
  };
  const served = { hash, type: "video/mp4", shown: false, name: null };
  const response = await serveMedia(new Request("http://x/"), watched, served);
  const reader = response.body!.getReader();
  await reader.read();
  await pause(50);
  assert.ok(stream!.bytesRead <= 256 * 1024, `${stream!.bytesRead} bytes were read for one that took some`);
  const closed = new Promise<void>((resolve) => stream?.once("close", () => resolve()));
  await reader.cancel();
  await closed;
});

test("an upload that breaks off leaves nothing", async () => {
  const kept = house.rows("SELECT hash FROM media_blobs").length;
  const broken = new AbortController();
  const headers = { "content-length": "900000" };
  const sent = house.askAlone("POST", "/_matrix/media/v3/upload", {
    body: randomBytes(100_000),
    headers,
    signal: broken.signal,
  });
  const incoming = join(house.dataDir, "blobs", "incoming");
  while (readdirSync(incoming).length === 0) await pause(5);
  broken.abort();
  await assert.rejects(sent);
  while (readdirSync(incoming).length > 0) await pause(5);
  const id = await house.upload("a sign of life");
  assert.equal((await house.download(id)).text, "a sign of life");
  assert.equal(house.rows("SELECT hash FROM media_blobs").length, kept + 1);
  assert.deepEqual(house.log, [], "nothing of it is an error of ours");
});

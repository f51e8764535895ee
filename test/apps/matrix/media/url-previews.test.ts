/** Previews: off by default, through the guarded fetcher only, and never much work for one page. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";

import { decodePage } from "../../../../origin/apps/matrix/media/decode-page.ts";
import { createMediaStore } from "../../../../origin/apps/matrix/media/media-store.ts";
import { readPage } from "../../../../origin/apps/matrix/media/read-page.ts";
import { createUrlPreviews } from "../../../../origin/apps/matrix/media/url-previews.ts";
import { benchOutbound, startStand } from "../../../host/outbound/outbound-bench.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { idOf, type MediaHouse, openMediaHouse, serverName } from "./media-house.ts";
import { makePng } from "./pictures.ts";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"), "url_previews = true");
});
after(() => house.close());

const page = `<!doctype html><html prefix="og: http://ogp.me/ns#"><head>
  <title>The Rock (1996)</title>
  <meta property="og:title" content="The  &quot;Rock&quot;"/><meta property="og:type" content="video.movie"/>
  <meta property="og:url" content="javascript:alert(1)"/><meta name="description" content="An island."/>
  <meta property="og:image" content="test.png"/><meta property="og:audio" content="x"/></head>
  <body><meta property="og:site_name" content="too late"/></body></html>`;

const png = makePng(279, 129);
const answers: Record<string, (response: ServerResponse) => void> = {
  "/film": (response) => response.writeHead(200, { "content-type": "text/html" }).end(page),
  "/test.png": (response) => response.writeHead(200, { "content-type": "image/png" }).end(png),
  "/inward": (response) =>
    response
      .writeHead(200, { "content-type": "text/html" })
      .end('<title>t</title><meta property="og:image" content="http://127.0.0.1:1/x.png">'),
  "/lying": (response) =>
    response.writeHead(200, { "content-type": "image/png" }).end("<!doctype html><script>1</script>"),
  "/endless": (response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.write("<title>endless</title>");
    const more = (): void => {
      while (response.write("<p>".repeat(20_000)));
    };
    response.on("drain", more);
    more();
  },
  "/file": (response) => response.writeHead(200, { "content-type": "application/zip" }).end("PK"),
  "/gone": (response) => response.writeHead(404, { "content-type": "text/html" }).end(page),
};

async function bench(t: TestContext) {
  const stand = await startStand(t, (request, response) => answers[request.url ?? ""]?.(response));
  const { outbound } = benchOutbound(t, {
    stands: { "198.51.100.7:80": stand },
    names: { "film.example.org": ["198.51.100.7"], "home.example.org": ["127.0.0.1"] },
  });
  const { database, media } = house.matrix;
  const clock = { now: Date.now() };
  const now = (): number => clock.now;
  const previews = createUrlPreviews({
    serverName,
    database,
    media: createMediaStore(database, now),
    blobs: media.blobs,
    outbound,
    now,
  });
  const find = (path: string, userId = "@ada:x") => previews.find(userId, `http://film.example.org${path}`);
  return { stand, previews, find, clock };
}

test("a page's own words, and its picture as media of this server", async (t) => {
  const { find, stand, clock, previews } = await bench(t);
  const { "og:image": image, ...rest } = await find("/film#part");
  assert.deepEqual(rest, {
    "og:title": 'The "Rock"',
    "og:type": "video.movie",
    "og:description": "An island.",
    "og:image:type": "image/png",
    "og:image:width": 279,
    "og:image:height": 129,
    "matrix:image:size": png.length,
  });
  const kept = await house.download(idOf(image as string));
  assert.ok(kept.bytes.equals(png));
  assert.equal(house.rows(`SELECT 1 FROM media_usage WHERE holder LIKE '@%' AND bytes > 0`).length, 0);

  const asked = stand.seen.length;
  await Promise.all([find("/film"), find("/film"), find("/film", "@ben:x")]);
  assert.equal(stand.seen.length, asked, "what is known is not fetched again");
  clock.now += 3_600_001;
  await previews.tidy();
  await Promise.all([find("/film"), find("/film", "@ben:x")]);
  assert.equal(stand.seen.length, asked + 2, "once for all who ask at once");
});

test("what is no page, or too much of one, is still a quick answer", async (t) => {
  const { find } = await bench(t);
  assert.deepEqual(await find("/endless"), { "og:title": "endless" });
  assert.deepEqual(await find("/file"), {});
  assert.deepEqual(await find("/gone"), {});
  assert.deepEqual(await find("/inward"), { "og:title": "t" });
  await assert.rejects(find("/lying"), { status: 403 });
  assert.equal((await find("/test.png"))["og:image:width"], 279);
});

test("one member has a few at a time", async (t) => {
  const held: ServerResponse[] = [];
  const { previews, stand } = await bench(t);
  const ask = (at: number, userId = "@ada:x") =>
    previews.find(userId, `http://film.example.org/slow?${at}`).catch((error: unknown) => error);
  for (let at = 0; at < 4; at += 1) answers[`/slow?${at}`] = (response) => void held.push(response);
  const open = [0, 1, 2, 3].map((at) => ask(at));
  assert.equal(((await ask(4)) as { status: number }).status, 429);
  answers["/slow?5"] = (response) => response.end();
  assert.deepEqual(await ask(5, "@ben:x"), {});
  while (held.length < 4) await new Promise((resolve) => setImmediate(resolve));
  for (const response of held) response.end();
  assert.deepEqual(await Promise.all(open), [{}, {}, {}, {}]);
  assert.ok(stand.seen.length >= 5);
});

test("no preview reaches into this machine or its network, nor is one made unasked for", async () => {
  const ask = (url: string, token: string | undefined = house.ada) =>
    house.ask("GET", `/_matrix/client/v1/media/preview_url?url=${encodeURIComponent(url)}`, { token });
  for (const url of [
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://[::1]/",
    "https://localhost/x",
    "http://10.0.0.1/",
  ]) {
    const answer = await ask(url);
    assert.deepEqual([answer.status, answer.json()["errcode"]], [403, "M_FORBIDDEN"], url);
  }
  for (const url of ["file:///etc/passwd", "javascript:1", "nothing", ""]) {
    assert.equal((await ask(url)).status, 400, url);
  }
  assert.equal((await house.ask("GET", "/_matrix/media/v3/preview_url", {})).status, 400);
  const anyone = await house.ask("GET", "/_matrix/media/v3/preview_url?url=http://a.example/", {
    token: undefined,
  });
  assert.equal(anyone.status, 401);
  assert.deepEqual(house.log, []);
});

test("a page is read in its own encoding", () => {
  const bytes = (text: string, encoding: BufferEncoding): Buffer => Buffer.from(text, encoding);
  const cases: [Uint8Array, string | null, string][] = [
    [bytes("gr\u00fcn", "utf8"), null, "gr\u00fcn"],
    [bytes("gr\u00fcn", "latin1"), null, "gr\u00fcn"],
    [bytes("gr\u00fcn", "latin1"), "text/html; charset=ISO-8859-1", "gr\u00fcn"],
    [bytes("\ufeffgr\u00fcn", "utf16le"), "text/html; charset=utf-8", "gr\u00fcn"],
    [
      bytes('<meta charset="windows-1251">\xef\xf0\xe8', "latin1"),
      null,
      '<meta charset="windows-1251">\u043f\u0440\u0438',
    ],
    [bytes("x", "utf8"), "text/html; charset=no-such", "x"],
  ];
  for (const [source, type, text] of cases) assert.equal(decodePage(source, type), text);
});

test("a page made to be slow to read does not hold up others", async () => {
  const half = 256 * 1024;
  const hostile = [
    "<".repeat(half),
    `<meta ${"a=b ".repeat(half / 4)}>`,
    "<div>".repeat(half / 5),
    `<title>${"&amp;".repeat(half / 5)}`,
    `<!--${"-".repeat(half)}`,
  ];
  let longest = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  for (const text of hostile) await readPage(text);
  clearInterval(watch);
  // No figure to hold a busy machine to: a quadratic reader would take minutes.
  assert.ok(longest < 2000, `${longest} ms`);
});

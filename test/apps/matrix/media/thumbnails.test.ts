/** Thumbnails: listed sizes, once each, made elsewhere; bombs refused before anything decodes them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { readImageSize } from "../../../../origin/apps/matrix/media/image-size.ts";
import { createMediaStore } from "../../../../origin/apps/matrix/media/media-store.ts";
import {
  createThumbnailMaker,
  ThumbnailError,
} from "../../../../origin/apps/matrix/media/thumbnail-maker.ts";
import { chooseThumbnailSize } from "../../../../origin/apps/matrix/media/thumbnail-size.ts";
import { createThumbnails } from "../../../../origin/apps/matrix/media/thumbnails.ts";
import type { Answer } from "../../../support/signed-client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type MediaHouse, openMediaHouse, serverName } from "./media-house.ts";
import { makeGif, makePng, makePngBomb } from "./pictures.ts";

const sharp = await import("sharp").then(
  (library) => library.default,
  () => undefined,
);
const skip = sharp ? false : "skipped: no sharp for this machine";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"));
});
after(() => house.close());

const errorOf = (answer: Answer) => [answer.status, answer.json()["errcode"]];
const thumbnail = (id: string, query: string): Promise<Answer> =>
  house.ask("GET", `/_matrix/client/v1/media/thumbnail/${serverName}/${id}?${query}`);

function sizeOf(answer: Answer): string {
  assert.equal(answer.status, 200, answer.text);
  const { format, width, height } = readImageSize(answer.bytes)!;
  assert.equal(answer.headers["content-type"], `image/${format}`);
  return `${width}x${height}`;
}

test("a size is chosen from the list, whatever is asked for", () => {
  const cases: [number, number, "crop" | "scale", string][] = [
    [1, 1, "crop", "32x32"],
    [32, 32, "crop", "32x32"],
    [33, 32, "crop", "96x96"],
    [60, 60, "crop", "96x96"],
    [200, 200, "crop", "240x240"],
    [9999, 9999, "crop", "480x480"],
    [320, 240, "crop", "320x240"],
    [1, 1, "scale", "32x32"],
    [300, 200, "scale", "320x240"],
    [800, 600, "scale", "800x600"],
    [801, 1, "scale", "800x600"],
  ];
  for (const [width, height, method, expected] of cases) {
    const chosen = chooseThumbnailSize({ width, height, method });
    assert.equal(`${chosen.width}x${chosen.height}`, expected, `${width}x${height} ${method}`);
  }
});

test("cropped, scaled, and never larger than the picture", { skip }, async () => {
  const id = await house.upload(makePng(1000, 500), "image/png", "a.png");
  const cropped = await thumbnail(id, "width=90&height=90&method=crop");
  assert.equal(sizeOf(cropped), "96x96");
  assert.equal(cropped.headers["content-disposition"], 'inline; filename="thumbnail.jpeg"');
  assert.match(String(cropped.headers["content-security-policy"]), /^sandbox/);
  assert.equal(sizeOf(await thumbnail(id, "width=640&height=480&method=scale")), "640x320");
  assert.equal(sizeOf(await thumbnail(id, "width=640&height=480")), "640x320");
  const small = await house.upload(makePng(20, 10), "image/png");
  assert.equal(sizeOf(await thumbnail(small, "width=800&height=600&method=scale")), "20x10");
  const same = await thumbnail(id, "width=90&height=90&method=crop");
  const etag = String(same.headers["etag"]);
  assert.equal(etag, cropped.headers["etag"]);
});

test("a phone's picture is turned upright, and its place is not told", { skip }, async () => {
  const picture = await sharp!({ create: { width: 400, height: 200, channels: 3, background: "red" } })
    .jpeg()
    .withExif({ IFD0: { ImageDescription: "garden gate" } })
    .withMetadata({ orientation: 6 })
    .toBuffer();
  const id = await house.upload(picture, "image/jpeg", "a.jpg");
  const made = await thumbnail(id, "width=300&height=240&method=scale");
  assert.equal(sizeOf(made), "120x240");
  assert.ok(!made.bytes.includes("garden gate"));
});

test("movement is kept where it is wanted, and only there", { skip }, async () => {
  const id = await house.upload(makeGif(3), "image/gif", "a.gif");
  const pagesOf = async (query: string): Promise<[unknown, number]> => {
    const made = await thumbnail(id, `width=32&height=32&method=scale${query}`);
    return [made.headers["content-type"], (await sharp!(made.bytes).metadata()).pages ?? 1];
  };
  assert.deepEqual(await pagesOf("&animated=true"), ["image/webp", 3]);
  for (const still of ["", "&animated=false"]) assert.equal((await pagesOf(still))[1], 1);
  // The same content under another type: what is kept for stills must not move.
  const other = makeGif(4);
  const disguised = await house.upload(other, "image/png", "a.png");
  await thumbnail(disguised, "width=32&height=32&animated=true");
  const plain = await house.upload(other, "image/gif", "a.gif");
  const made = await thumbnail(plain, "width=32&height=32&animated=false");
  assert.equal((await sharp!(made.bytes).metadata()).pages ?? 1, 1);
});

test("many who ask at once get one that was made once", { skip }, async () => {
  const id = await house.upload(makePng(700, 700, 3), "image/png");
  const made = await Promise.all(
    Array.from({ length: 20 }, () => thumbnail(id, "width=320&height=240&method=scale")),
  );
  assert.deepEqual([...new Set(made.map(sizeOf))], ["240x240"]);
  const hash = hashOf(id);
  assert.equal(house.rows(`SELECT * FROM media_thumbnails WHERE source = '${hash}'`).length, 1);
  const { database, media } = house.matrix;
  await database.write(() => void database.prepare("DELETE FROM media WHERE id = ?").run(id));
  await media.tidy();
  assert.deepEqual(house.rows(`SELECT * FROM media_thumbnails WHERE source = '${hash}'`), []);
  const [usage] = house.rows<{ bytes: number; sum: number }>(
    `SELECT bytes, (SELECT sum(size) FROM media_thumbnails) AS sum FROM media_usage WHERE holder = 'thumbnails'`,
  );
  assert.equal(usage?.bytes, usage?.sum);
});

test("what is no picture, is broken, or would take too much gets none, and says why", async () => {
  const cases: [Uint8Array | string, string, number, string][] = [
    ["hello", "text/plain", 400, "M_UNKNOWN"],
    ["", "image/png", 400, "M_UNKNOWN"],
    [makePngBomb(60_000, 60_000), "image/png", 413, "M_TOO_LARGE"],
    ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "image/svg+xml", 400, "M_UNKNOWN"],
    [Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"), "image/heic", 400, "M_UNKNOWN"],
  ];
  if (sharp) {
    cases.push([makePng(50, 50).subarray(0, 90), "image/png", 400, "M_UNKNOWN"]);
    cases.push([
      Buffer.concat([makePng(9, 9).subarray(0, 40), randomBytes(99)]),
      "image/png",
      400,
      "M_UNKNOWN",
    ]);
  }
  for (const [at, [body, type, status, errcode]] of cases.entries()) {
    const id = await house.upload(body, type);
    const answer = await thumbnail(id, "width=96&height=96&method=crop");
    assert.deepEqual(errorOf(answer), [status, errcode], `case ${at}`);
  }
  const id = await house.upload(makePng(9, 9), "image/png");
  for (const query of ["", "width=1", "width=-1&height=1", "width=1.5&height=1", "width=0&height=1"]) {
    assert.equal((await thumbnail(id, query)).status, 400, query);
  }
  assert.equal((await thumbnail(id, "width=1&height=1&method=stretch")).status, 400);
});

test("where no thumbnail can be made, the picture itself is sent if it is small enough", async () => {
  const { database, media } = house.matrix;
  const maker = { make: () => Promise.reject(new ThumbnailError("unavailable")), close() {} };
  const thumbnails = createThumbnails({ database, blobs: media.blobs, maker, today: () => 1 });
  const find = async (body: Uint8Array, animated?: boolean) => {
    const id = await house.upload(body, "image/x-any");
    const row = { ...createMediaStore(database, Date.now).find(id)!, hash: String(hashOf(id)) };
    return thumbnails.find(row, { width: 32, height: 32, method: "crop", animated });
  };
  const png = makePng(600, 600, 9);
  const whole = await find(png);
  assert.deepEqual([whole.type, whole.shown, whole.name], ["image/png", true, "thumbnail.png"]);
  assert.equal(await media.blobs.size(whole.hash), png.length);
  assert.equal((await find(makeGif(2))).type, "image/gif");
  await assert.rejects(find(makeGif(2), false), { status: 400, errcode: "M_UNKNOWN" });
  const large = Buffer.concat([makePng(9, 9), randomBytes(10_000_000)]);
  await assert.rejects(find(large), { status: 413, errcode: "M_TOO_LARGE" });
});

function hashOf(id: string): string | undefined {
  return house.rows<{ hash: string }>(`SELECT hash FROM media WHERE id = '${id}'`)[0]?.hash;
}

const hasProc = existsSync("/proc/self/environ");

/** The process ids of this process' own decoders. */
function decoders(): number[] {
  const tell = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  const isOwn = new RegExp(`^PPid:\\s+${process.pid}$`, "m");
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && tell(pid, "cmdline").includes("thumbnail-child"))
    .filter((pid) => isOwn.test(tell(pid, "status")))
    .map(Number);
}

test("a picture that takes too long or too much ends its process, and the next one gets another", {
  skip: skip || (hasProc ? false : "skipped: no /proc"),
}, async () => {
  const file = join(folder, "slow.png");
  await sharp!({ create: { width: 9, height: 9, channels: 3, background: "red" } }).toFile(file);
  const job = {
    path: file,
    width: 32,
    height: 32,
    method: "scale",
    animated: false,
    mostPixels: 1e6,
  } as const;
  const others = decoders();
  const maker = createThumbnailMaker({ longestMs: 3000, mostBytes: 2 ** 30 });
  const greedy = createThumbnailMaker({ longestMs: 5000, mostBytes: 1 });
  try {
    await maker.make(job);
    // As a decoder that never comes back.
    for (const pid of decoders().filter((id) => !others.includes(id))) process.kill(pid, "SIGSTOP");
    await assert.rejects(maker.make(job), { code: "too-costly" });
    assert.equal((await maker.make(job)).type, "image/jpeg");
    const large = join(folder, "large.png");
    writeFileSync(large, makePng(4000, 3000));
    await assert.rejects(greedy.make({ ...job, path: large, mostPixels: 1e8 }), { code: "too-costly" });
  } finally {
    maker.close();
    greedy.close();
  }
});

test("the decoder's process knows no secret and ends by itself", {
  skip: skip || (hasProc ? false : "skipped: no /proc"),
}, async () => {
  process.env["BURROW_TEST_SECRET"] = "do not pass on";
  const maker = createThumbnailMaker();
  try {
    const file = join(folder, "picture.png");
    await sharp!({ create: { width: 9, height: 9, channels: 3, background: "red" } }).toFile(file);
    const job = {
      path: file,
      width: 32,
      height: 32,
      method: "scale",
      animated: false,
      mostPixels: 1e6,
    } as const;
    assert.equal((await maker.make(job)).type, "image/jpeg");
    const own = decoders();
    assert.ok(own.length > 0);
    for (const pid of own) {
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, "utf8"), /SECRET|HOME|PATH=(?!.*lib)/);
    }
    const tooLarge = { ...job, mostPixels: 10 };
    await assert.rejects(maker.make(tooLarge), { name: "ThumbnailError", code: "unreadable" });
    const waiting = Array.from({ length: 40 }, () => maker.make(job).catch((error: unknown) => error));
    const outcomes = await Promise.all(waiting);
    assert.ok(outcomes.some((outcome) => (outcome as { code?: string }).code === "busy"));
  } finally {
    delete process.env["BURROW_TEST_SECRET"];
    maker.close();
  }
});

test("nothing of this was an error of ours", () => assert.deepEqual(house.log, []));

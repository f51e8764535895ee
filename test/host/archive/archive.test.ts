/** What extracting and reading promise beside the refusals. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import {
  ArchiveError,
  createArchiveWriter,
  extractArchive,
  ownBackup,
  readArchive,
  untrustedImport,
} from "../../../origin/host/archive/archive.ts";
import { makeTar, makeZip, noise, pax, unicodePathExtra } from "./hostile.ts";
import { inFolder, inPieces } from "./refused.ts";

const mtime = new Date("2026-01-02T03:04:06Z");
const hello = { name: "a/hello.txt", data: Buffer.from("hello") };

test("what may look odd is read all the same", async () => {
  const cases: Record<string, [archive: Buffer, paths: string[]]> = {
    "an empty zip": [makeZip([]), []],
    "an empty tar": [gzipSync(makeTar([])), []],
    "a leading dot": [
      makeTar([
        { name: "./", type: "5" },
        { ...hello, name: "./a" },
      ]),
      ["a"],
    ],
    "a commit of git archive": [makeTar([pax({ comment: "0123abcd" }, "g"), hello]), ["a/hello.txt"]],
    "a comment": [makeZip([hello], { comment: Buffer.from("a comment") }), ["a/hello.txt"]],
    "a descriptor": [makeZip([{ ...hello, deflate: true, descriptor: true }]), ["a/hello.txt"]],
    "a name by Info-ZIP": [
      makeZip([
        {
          ...hello,
          name: Buffer.from("\u00e4", "latin1"),
          local: { flags: 0 },
          table: { flags: 0, extra: unicodePathExtra("\u00e4", "\u00e4") },
        },
      ]),
      // The field's checksum is of another name, so that only the bytes count: code page 437.
      ["\u03a3"],
    ],
    "a name by nothing but its UTF-8": [
      makeZip([{ ...hello, name: "\u00e4", local: { flags: 0 }, table: { flags: 0 } }]),
      ["\u00e4"],
    ],
    "a tar in two zstd frames, each larger than what is read ahead": [
      (() => {
        const bytes = makeTar([{ name: "noise", data: noise(6_000_000) }]);
        return Buffer.concat([
          zstdCompressSync(bytes.subarray(0, 2_999_999)),
          zstdCompressSync(bytes.subarray(2_999_999)),
        ]);
      })(),
      ["noise"],
    ],
  };
  for (const [what, [archive, expected]] of Object.entries(cases)) {
    const paths: string[] = [];
    await readArchive(inPieces(archive, 4099), untrustedImport, ({ path }) => {
      paths.push(path);
      return Promise.resolve();
    });
    assert.deepEqual(paths, expected, what);
  }
});

test("a file's stream, size, permissions and time come with it; set-user-id does not", async () => {
  const archive = makeTar([
    { ...hello, mode: 0o6755 },
    { name: "b", data: noise(100_000) },
  ]);
  const seen: unknown[] = [];
  await readArchive(
    Readable.from([archive]),
    untrustedImport,
    async ({ path, size, mode, mtime: time, stream }) => {
      const content = await buffer(stream);
      seen.push([path, size, content.length, mode, time?.toISOString()]);
    },
  );
  assert.deepEqual(seen, [
    ["a/hello.txt", 5, 5, 0o755, "2023-11-14T12:45:52.000Z"],
    ["b", 100_000, 100_000, 0o644, "2023-11-14T12:45:52.000Z"],
  ]);
});

test("what a visitor leaves unread is skipped, and still checked", async () => {
  const data = noise(400_000);
  for (const archive of [
    makeTar([
      { name: "a", data },
      { name: "b", data },
    ]),
    makeZip([
      { name: "a", data, deflate: true },
      { name: "b", data },
    ]),
  ]) {
    let last = 0;
    await readArchive(inPieces(archive, 10_007), untrustedImport, async ({ stream }) => {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        last = piece.length;
        break;
      }
    });
    assert.ok(last > 0);
    const bad = makeZip([{ name: "a", data, local: { crc: 1 }, table: { crc: 1 } }]);
    await assert.rejects(
      readArchive(Readable.from([bad]), untrustedImport, () => Promise.resolve()),
      {
        code: "checksum",
      },
    );
  }
});

test("no more than is announced is handed on, however much there is", async () => {
  const lie = { size: 10 };
  const archive = makeZip([
    { name: "a", data: Buffer.alloc(1_000_000), deflate: true, local: lie, table: lie },
  ]);
  let seen = 0;
  const read = readArchive(Readable.from([archive]), untrustedImport, async ({ stream }) => {
    for await (const piece of stream as AsyncIterable<Buffer>) seen += piece.length;
  });
  await assert.rejects(read, { code: "size-mismatch" });
  assert.ok(seen <= 10);
});

test("content is never opened: an archive inside is a file", () =>
  inFolder(async (folder) => {
    const inner = makeZip([{ name: "../evil" }]);
    await extractArchive(
      Readable.from([makeTar([{ name: "inner.zip", data: inner }])]),
      join(folder, "out"),
      untrustedImport,
    );
    assert.deepEqual(await readFile(join(folder, "out/inner.zip")), inner);
  }));

test("only an absent or empty folder is a destination, and what is there stays", () =>
  inFolder(async (folder) => {
    const full = join(folder, "full");
    await mkdir(full);
    await writeFile(join(full, "mine"), "mine");
    await writeFile(join(folder, "file"), "file");
    for (const destination of [full, join(folder, "file")]) {
      // Before anything is unpacked.
      await assert.rejects(extractArchive(Readable.from(["no archive"]), destination, untrustedImport), {
        code: "destination-in-use",
      });
    }
    assert.deepEqual((await readdir(folder)).toSorted(), ["file", "full"]);
    assert.deepEqual(await readdir(full), ["mine"]);
  }));

test("a caller's objection and a wrong format refuse the whole, and leave nothing", () =>
  inFolder(async (folder) => {
    const archive = makeTar([hello, { name: "secret", data: Buffer.from("x") }]);
    const out = join(folder, "out");
    const onEntry = ({ path }: { path: string }) => {
      if (path === "secret") throw new Error("Not that one.");
    };
    await assert.rejects(extractArchive(Readable.from([archive]), out, untrustedImport, { onEntry }), {
      message: "Not that one.",
    });
    await assert.rejects(extractArchive(Readable.from([archive]), out, untrustedImport, { format: "zip" }), {
      code: "wrong-format",
    });
    assert.deepEqual(await readdir(folder), []);
  }));

test("a source that fails or stops in the middle, and a stalled one that is aborted, leave nothing", () =>
  inFolder(async (folder) => {
    const out = join(folder, "out");
    const half = makeTar([{ name: "a", data: noise(200_000) }]).subarray(0, 100_000);
    for (const bytes of [half, gzipSync(half).subarray(0, 50_000)]) {
      const failing = new PassThrough();
      failing.write(bytes);
      const failed = extractArchive(failing, out, untrustedImport);
      failing.destroy(new Error("The connection broke."));
      await assert.rejects(failed, { message: "The connection broke." });

      const stalled = new PassThrough();
      stalled.write(bytes);
      const abort = new AbortController();
      const aborted = extractArchive(stalled, out, untrustedImport, {
        signal: abort.signal,
        onEntry: () => abort.abort(new Error("Enough.")),
      });
      await assert.rejects(aborted, { message: "Enough." });
      assert.equal(stalled.destroyed, true);

      const refusing = new PassThrough();
      refusing.write(bytes);
      const onEntry = () => {
        throw new Error("No.");
      };
      await assert.rejects(extractArchive(refusing, out, untrustedImport, { onEntry }), { message: "No." });
      assert.equal(refusing.destroyed, true);
    }
    assert.deepEqual(await readdir(folder), []);
    await assert.rejects(
      extractArchive(Readable.from([half]), out, untrustedImport, {
        signal: AbortSignal.abort(new Error("Before.")),
      }),
      {
        message: "Before.",
      },
    );
  }));

test("a name in a message cannot draw on a terminal", () => {
  const { message, entry } = new ArchiveError("link", `a\u001b[2J\u202e${"x".repeat(500)}`);
  assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u);
  assert.ok(message.length < 300);
  assert.match(entry ?? "", /^a\ufffd\[2J\ufffdx+/);
});

test("the writer refuses what the extractor would, and content of another size", async () => {
  for (const format of ["tar", "zip"] as const) {
    const writer = createArchiveWriter(format, new PassThrough().resume());
    for (const path of ["../a", "/a", "a\\b", "a:b", "", "a\nb"]) {
      await assert.rejects(writer.addFile(path, Buffer.alloc(1), 1, { mtime }), ArchiveError);
    }
    for (const size of [4, 6]) {
      const broken = createArchiveWriter(format, new PassThrough().resume());
      await assert.rejects(broken.addFile("a", Buffer.from("hello"), size, { mtime }));
      await assert.rejects(broken.finish());
    }
  }
});

test("a sink or a content that fails is the writer's failure", async () => {
  for (const format of ["tar", "tar.gz", "zip"] as const) {
    const sink = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error("The disk is full."));
      },
    });
    const writer = createArchiveWriter(format, sink);
    const work = (async () => {
      await writer.addFile("a", noise(20_000_000), 20_000_000, { mtime });
      await writer.finish();
    })();
    await assert.rejects(work, { message: "The disk is full." });

    const other = createArchiveWriter(format, new PassThrough().resume());
    const content = Readable.from(
      (function* () {
        yield Buffer.from("hel");
        throw new Error("The file is gone.");
      })(),
    );
    await assert.rejects(other.addFile("a", content, 5, { mtime }), { message: "The file is gone." });
  }
});

test("a compressed tar is done with a piece when it asks for the next", async () => {
  const plain = noise(3_000_000);
  async function* reusing() {
    const piece = Buffer.alloc(100_000);
    for (let offset = 0; offset < plain.length; offset += piece.length) {
      plain.copy(piece, 0, offset);
      yield piece;
      piece.fill(0);
    }
  }
  for (const format of ["tar.gz", "tar.zst"] as const) {
    const sink = new PassThrough();
    const writer = createArchiveWriter(format, sink);
    const read = readArchive(sink, ownBackup, async ({ stream }) => {
      assert.ok((await buffer(stream)).equals(plain));
    });
    await writer.addFile("a", reusing(), plain.length, { mtime });
    await writer.finish();
    assert.equal((await read).files, 1);
  }
});

test("any time of a file can be packed and read again", async () => {
  for (const format of ["tar", "zip"] as const) {
    for (const odd of [new Date(-1e13), new Date(Number.NaN), new Date(8e15), new Date(0)]) {
      const sink = new PassThrough();
      const writer = createArchiveWriter(format, sink);
      const read = readArchive(sink, untrustedImport, async ({ stream }) => {
        assert.equal((await buffer(stream)).toString(), "x");
      });
      await writer.addFile("a", Buffer.from("x"), 1, { mtime: odd });
      await writer.finish();
      assert.equal((await read).files, 1);
    }
  }
});

test("300 MB go through the writer and the reader in bounded memory", async () => {
  const size = 300_000_000;
  const piece = Buffer.alloc(1_000_000);
  for (const format of ["tar", "tar.zst"] as const) {
    const sink = new PassThrough();
    const writer = createArchiveWriter(format, sink);
    let most = 0;
    let read = 0;
    const reading = readArchive(sink, ownBackup, async ({ stream }) => {
      for await (const bytes of stream as AsyncIterable<Buffer>) {
        read += bytes.length;
        most = Math.max(most, process.memoryUsage.rss());
      }
    });
    const before = process.memoryUsage.rss();
    const content = async function* () {
      for (let sent = 0; sent < size; sent += piece.length) {
        yield piece;
      }
    };
    await writer.addFile("large", content(), size, { mtime });
    await writer.finish();
    await reading;
    assert.equal(read, size);
    assert.ok(most - before < 150_000_000, `${format}: grew by ${most - before} bytes`);
  }
});

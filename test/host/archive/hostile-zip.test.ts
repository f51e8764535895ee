import { crc32, deflateRawSync } from "node:zlib";

import { makeZip, noise, unicodePathExtra, zip64Extra, type ZipPart } from "./hostile.ts";
import { refused } from "./refused.ts";

const named = (name: string | Buffer) => () => makeZip([{ name }]);
const one = (part: Partial<ZipPart>) => () => makeZip([{ name: "a.txt", ...part }]);

refused("zip: a name that climbs out", named("../../outside"), "parent-path");
refused("zip: a name that climbs out in the middle", named("a/../../outside"), "parent-path");
refused("zip: a name that climbs out by backslashes", named("..\\outside"), "parent-path");
refused("zip: an absolute name", named("/etc/passwd"), "absolute-path");
refused("zip: an absolute name by a backslash", named("\\\\host\\share"), "absolute-path");
refused("zip: a drive letter", named("C:/Windows/a"), "absolute-path");
refused("zip: a backslash", named("a\\b"), "bad-name");
refused("zip: a colon (a stream of a file)", named("a.txt:hidden"), "bad-name");
refused("zip: a NUL", named("a.txt\0.png"), "bad-name");
refused("zip: a control character", named("a\u001b[2Jb"), "bad-name");
refused("zip: text that is turned around", named("photo\u202egnp.exe"), "bad-name");
refused("zip: no name", named(""), "bad-name");
refused("zip: a dot in the middle", named("a/./b"), "bad-name");
refused("zip: two slashes", named("a//b"), "bad-name");
refused("zip: a trailing dot", named("a./b"), "bad-name");
refused("zip: a trailing space", named("a "), "bad-name");
refused("zip: a name that is no UTF-8", named(Buffer.from([0x61, 0xff, 0xfe])), "bad-name");
refused("zip: a name longer than a file system takes", named("x".repeat(256)), "path-too-long");
refused("zip: a path too long", named("abc/".repeat(20) + "x".repeat(960)), "path-too-long");
refused("zip: folders too deep", named(`${"d/".repeat(32)}x`), "too-deep");

const link = { data: Buffer.from("/etc"), table: { mode: 0o120777 } };
refused("zip: a symbolic link", one(link), "link");
refused(
  "zip: a symbolic link and a file through it",
  () => makeZip([{ name: "d", ...link }, { name: "d/passwd" }]),
  "link",
);
refused("zip: a device", one({ table: { mode: 0o020666 } }), "special-file");
refused("zip: a pipe", one({ table: { mode: 0o010666 } }), "special-file");
refused("zip: a socket", one({ table: { mode: 0o140666 } }), "special-file");
refused(
  "zip: a folder by its mode, a file by its name",
  one({ table: { mode: 0o040755 } }),
  "header-mismatch",
);
refused("zip: a folder with content", named("folder/"), "header-mismatch");

const pair = (first: string, second: string) => () => makeZip([{ name: first }, { name: second }]);
refused("zip: the same name twice", pair("a.txt", "a.txt"), "duplicate");
refused("zip: names that differ in case", pair("readme", "README"), "name-collision");
refused("zip: folders that differ in case", pair("a/x", "A/y"), "name-collision");
refused("zip: sharp s and double s", pair("stra\u00dfe", "STRASSE"), "name-collision");
refused("zip: composed and decomposed accents", pair("caf\u00e9", "cafe\u0301"), "name-collision");
refused("zip: a file, then a folder of its name", pair("a", "a/b"), "file-and-folder");
refused("zip: a folder, then a file of its name", pair("a/b", "a"), "file-and-folder");

refused("zip: encrypted", one({ local: { flags: 0x801 }, table: { flags: 0x801 } }), "encrypted");
refused("zip: strongly encrypted", one({ table: { flags: 0x841 } }), "encrypted");
refused("zip: encrypted with AES", one({ table: { method: 99 } }), "encrypted");
refused(
  "zip: a compression of its own",
  one({ local: { method: 93 }, table: { method: 93 } }),
  "unsupported",
);

refused("zip: another name in front of the data", one({ local: { name: "b.txt" } }), "header-mismatch");
refused("zip: another method in front of the data", one({ local: { method: 8 } }), "header-mismatch");
refused("zip: another size in front of the data", one({ local: { size: 3, packed: 3 } }), "header-mismatch");
refused("zip: another checksum in front of the data", one({ local: { crc: 1 } }), "header-mismatch");
refused(
  "zip: a second, other name",
  one({ table: { extra: unicodePathExtra("a.txt", "../x") } }),
  "header-mismatch",
);
refused(
  "zip: other numbers after the data",
  () => makeZip([{ name: "a", descriptor: true, table: { crc: 1 } }]),
  "header-mismatch",
);

const zeros = Buffer.alloc(100_000);
const liar = (size: number): ZipPart => ({
  name: "a",
  data: zeros,
  deflate: true,
  local: { size },
  table: { size },
});
refused("zip: more content than announced", () => makeZip([liar(10)]), "size-mismatch");
refused("zip: less content than announced", () => makeZip([liar(100_001)]), "size-mismatch");
refused("zip: stored, with two sizes", one({ table: { size: 3 } }), "size-mismatch");
refused("zip: a wrong checksum", one({ local: { crc: 1 }, table: { crc: 1 } }), "checksum");
refused(
  "zip: bytes after the end of the compressed content",
  () => {
    const data = Buffer.concat([deflateRawSync(zeros), noise(200)]);
    const header = { method: 8, size: zeros.length, crc: crc32(zeros) };
    return makeZip([{ name: "a", data, local: header, table: header }]);
  },
  "size-mismatch",
);
refused(
  "zip: compressed content that is none",
  one({ data: noise(100), local: { method: 8 }, table: { method: 8 } }),
  "damaged",
);

refused(
  "zip: a thousand entries on the same bytes",
  () => {
    const parts = Array.from(
      { length: 1000 },
      (_, index): ZipPart => ({
        name: `bomb-${index}`,
        data: index === 0 ? zeros : Buffer.alloc(0),
        deflate: true,
        ...(index > 0 && { table: { offset: 0, size: zeros.length, packed: 100 } }),
      }),
    );
    return makeZip(parts);
  },
  "overlap",
);
refused(
  "zip: an entry inside another's data",
  () => {
    const inner = makeZip([{ name: "inner" }]);
    return makeZip([
      { name: "outer", data: inner },
      { name: "inner", table: { offset: 30 + "outer".length } },
    ]);
  },
  "overlap",
);
refused("zip: bytes before the first entry", one({ before: Buffer.from("#!/bin/sh\n") }), "unknown-format");
refused(
  "zip: an entry that the table does not know",
  one({ after: makeZip([{ name: "b" }]) }),
  "hidden-data",
);
refused(
  "zip: a first entry that the table does not know",
  one({ before: makeZip([{ name: "b" }]) }),
  "hidden-data",
);
refused(
  "zip: bytes between the table and its end",
  () => makeZip([{ name: "a" }], { before: noise(9) }),
  "hidden-data",
);
refused(
  "zip: fewer entries than the table has",
  () => makeZip([{ name: "a" }, { name: "b" }], { entries: 1 }),
  "hidden-data",
);
refused("zip: more entries than the table has", () => makeZip([{ name: "a" }], { entries: 2 }), "truncated");
refused(
  "zip: two zips one after the other",
  () => Buffer.concat([makeZip([{ name: "a" }]), makeZip([{ name: "b" }])]),
  "hidden-data",
);
refused(
  "zip: a second end in the comment of the first",
  () => makeZip([{ name: "a" }], { comment: makeZip([{ name: "evil" }]) }),
  "damaged",
);
refused(
  "zip: bytes after the end",
  () => makeZip([{ name: "a" }], { after: Buffer.from("more") }),
  "trailing-data",
);
refused("zip: cut off", () => makeZip([{ name: "a", data: noise(5000) }]).subarray(0, 4000), "truncated");
refused("zip: a table past the end", () => makeZip([{ name: "a" }], { shift: 1_000_000 }), "truncated");

refused("zip: more files than accepted", () => makeZip([{ name: "a" }, { name: "b" }]), "too-many-entries", {
  entries: 1,
});
refused("zip: more folders than accepted, in one path", named("a/b/c/d"), "too-many-entries", { entries: 3 });
refused(
  "zip: 200,000 entries announced",
  () => makeZip([{ name: "a" }], { entries: 65_535 }),
  "too-many-entries",
);
refused("zip: a file too large", one({ data: zeros }), "file-too-large", { fileBytes: 99_999 });
refused(
  "zip: files that are too large together",
  () =>
    makeZip([
      { name: "a", data: zeros },
      { name: "b", data: zeros },
    ]),
  "total-too-large",
  { totalBytes: 199_999 },
);
refused("zip: an archive too large", one({ data: noise(300_000) }), "archive-too-large", {
  archiveBytes: 200_000,
});
refused("zip: a bomb", one({ data: Buffer.alloc(20_000_000), deflate: true }), "ratio");
refused(
  "zip: a file of 5 GiB, by its header",
  one({
    local: { size: 0xffffffff, packed: 0xffffffff, extra: zip64Extra(5n << 30n, 5n << 20n) },
    table: { size: 0xffffffff, packed: 0xffffffff, extra: zip64Extra(5n << 30n, 5n << 20n), method: 8 },
  }),
  "overlap",
);

import { gzipSync, zstdCompressSync, constants } from "node:zlib";

import { makeTar, noise, pax, type TarPart } from "./hostile.ts";
import { refused } from "./refused.ts";

const text = Buffer.from("content");
const file = (name: string | Buffer, more: Partial<TarPart> = {}): TarPart => ({ name, data: text, ...more });
const tar =
  (...parts: TarPart[]) =>
  () =>
    makeTar(parts);

refused("tar: a name that climbs out", tar(file("../../outside")), "parent-path");
refused(
  "tar: a name that climbs out by its prefix",
  tar(file("outside", { prefix: "a/../.." })),
  "parent-path",
);
refused("tar: a pax name that climbs out", tar(pax({ path: "../outside" }), file("inside")), "parent-path");
refused(
  "tar: a GNU long name that climbs out",
  tar({ name: "././@LongLink", type: "L", data: Buffer.from("../outside\0"), gnu: true }, file("inside")),
  "parent-path",
);
refused("tar: an absolute name", tar(file("/etc/passwd")), "absolute-path");
refused("tar: a drive letter", tar(file("c:/a")), "absolute-path");
refused("tar: a backslash", tar(file("a\\b")), "bad-name");
refused("tar: bytes after the end of a name", tar(file("a.txt\0/../../b")), "bad-name");
refused("tar: a NUL in a pax name", tar(pax({ path: "a\0b" }), file("a")), "bad-name");
refused(
  "tar: a NUL in a GNU long name",
  tar({ name: "L", type: "L", data: Buffer.from("a\0b\0"), gnu: true }, file("a")),
  "bad-name",
);
refused("tar: a name that is no UTF-8", tar(file(Buffer.from([0x61, 0xff]))), "bad-name");
refused("tar: no name", tar(file("")), "bad-name");
refused("tar: folders too deep", tar(pax({ path: `${"d/".repeat(32)}x` }), file("x")), "too-deep");
refused(
  "tar: a path too long",
  tar(pax({ path: `${"abc/".repeat(20)}${"x".repeat(960)}` }), file("x")),
  "path-too-long",
);

refused("tar: a symbolic link", tar({ name: "a", type: "2", link: "/etc/passwd" }), "link");
refused(
  "tar: a symbolic link and a file through it",
  tar({ name: "d", type: "2", link: "/tmp" }, file("d/x")),
  "link",
);
refused(
  "tar: a folder, replaced by a link",
  tar({ name: "d", type: "5" }, { name: "d", type: "2", link: "/tmp" }, file("d/x")),
  "link",
);
refused(
  "tar: a hard link to a file outside",
  tar({ name: "a", type: "1", link: "../../etc/passwd" }),
  "link",
);
refused("tar: a hard link inside", tar(file("a"), { name: "b", type: "1", link: "a" }), "link");
refused("tar: a character device", tar({ name: "null", type: "3" }), "special-file");
refused("tar: a block device", tar({ name: "disk", type: "4" }), "special-file");
refused("tar: a pipe", tar({ name: "pipe", type: "6" }), "special-file");
refused("tar: a sparse file of GNU", tar(file("a", { type: "S", gnu: true })), "unsupported");
refused("tar: a sparse file of pax", tar(pax({ "GNU.sparse.major": "1" }), file("a")), "unsupported");
refused("tar: a type that nobody knows", tar(file("a", { type: "Z" })), "unsupported");
refused("tar: a volume label", tar(file("a", { type: "V" })), "unsupported");

refused("tar: the same name twice", tar(file("a"), file("a")), "duplicate");
refused("tar: the same name twice, once with a dot", tar(file("a"), file("./a")), "duplicate");
refused("tar: the same folder twice", tar({ name: "d/", type: "5" }, { name: "d/", type: "5" }), "duplicate");
refused("tar: roots without an end", tar({ name: "./", type: "5" }, { name: "./", type: "5" }), "duplicate");
refused("tar: names that differ in case", tar(file("a"), file("A")), "name-collision");
refused("tar: composed and decomposed accents", tar(file("\u00e9"), file("e\u0301")), "name-collision");
refused(
  "tar: a file, then a folder of its name",
  tar(file("a"), { name: "a", type: "5" }),
  "file-and-folder",
);

refused("tar: a folder with content", tar({ name: "d/", type: "5", data: text }), "header-mismatch");
refused("tar: a file with the name of a folder", tar(file("d/")), "header-mismatch");
refused("tar: a name for every entry", tar(pax({ path: "x" }, "g"), file("a")), "unsupported");
refused(
  "tar: two long names for one entry",
  tar(pax({ path: "a" }), { name: "L", type: "L", data: Buffer.from("b\0") }, file("c")),
  "header-mismatch",
);
const broken = (record: string): TarPart => ({ name: "PaxHeader", type: "x", data: Buffer.from(record) });
refused("tar: a pax record without a length", tar(broken("path=a\n"), file("b")), "damaged");
refused("tar: a pax record that is longer than its header", tar(broken("99 path=a\n"), file("b")), "damaged");
refused("tar: a pax record with a negative size", tar(broken("11 size=-1\n"), file("b")), "damaged");
refused(
  "tar: two pax records for one thing",
  tar(broken("10 path=a\n10 path=b\n"), file("c")),
  "header-mismatch",
);
refused("tar: a long name without an entry", tar(file("a"), pax({ path: "b" })), "truncated");
refused(
  "tar: a pax header of megabytes",
  tar(pax({ comment: "x".repeat(2_000_000) }), file("a")),
  "unsupported",
);

refused("tar: a wrong header checksum", tar(file("a"), file("b", { sumOff: 1 })), "damaged");
refused("tar: a size that is no number", tar(file("a"), file("b", { size: Buffer.from("zzz") })), "damaged");
const negative = Buffer.alloc(12, 0xff);
refused("tar: a negative size", tar(file("a", { size: negative })), "damaged");
const hugeSize = Buffer.from("800000000000000140000000", "hex");
refused("tar: a file of 5 GiB, by its header", tar(file("a", { size: hugeSize })), "file-too-large");
refused("tar: a file of 5 GiB, by pax", tar(pax({ size: String(5 * 2 ** 30) }), file("a")), "file-too-large");
refused("tar: a file longer than the archive", tar(file("a", { size: 5000 })), "truncated");
refused(
  "tar: a file shorter than announced hides the next header",
  tar(file("a", { size: 600 }), file("b")),
  "damaged",
);
refused(
  "tar: cut off in a file",
  () => makeTar([file("a", { data: noise(5000) })]).subarray(0, 3000),
  "truncated",
);
refused("tar: cut off between entries", () => makeTar([file("a")]).subarray(0, 1024), "truncated");
refused("tar: one closing block", () => makeTar([file("a")], Buffer.alloc(512)), "truncated");
refused(
  "tar: an archive after its end",
  () => Buffer.concat([makeTar([file("a")]), makeTar([file("b")])]),
  "trailing-data",
);
refused("tar: zeros without end", () => makeTar([file("a")], Buffer.alloc(3_000_000)), "trailing-data");

const many = () => makeTar(Array.from({ length: 30 }, (_, index) => ({ name: `d${index}`, type: "5" })));
refused("tar: more entries than accepted", many, "too-many-entries", { entries: 29 });
refused("tar: a file too large", tar(file("a")), "file-too-large", { fileBytes: 6 });
refused("tar: files that are too large together", tar(file("a"), file("b")), "total-too-large", {
  totalBytes: 13,
});
refused("tar: an archive too large", tar(file("a"), file("b")), "archive-too-large", { archiveBytes: 2000 });
refused(
  "tar: headers and no file",
  () => makeTar(Array.from({ length: 200 }, () => pax({ comment: "x".repeat(10_000) }))),
  "unsupported",
  { entries: 10 },
);

const gz = (bytes: Buffer) => gzipSync(bytes);
refused("tar.gz: a name that climbs out", () => gz(makeTar([file("../x")])), "parent-path");
refused(
  "tar.gz: cut off",
  () => gz(makeTar([file("a", { data: noise(9000) })])).subarray(0, 5000),
  "truncated",
);
refused("tar.gz: without its checksum", () => gz(makeTar([file("a")])).subarray(0, -8), "truncated");
const flipped = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};
refused("tar.gz: another checksum", () => flipped(gz(makeTar([file("a")])), -8), "checksum");
refused("tar.gz: another length", () => flipped(gz(makeTar([file("a")])), -1), "checksum");
refused(
  "tar.gz: a second member",
  () => Buffer.concat([gz(makeTar([file("a")])), gz(makeTar([file("b")]))]),
  "trailing-data",
);
refused(
  "tar.gz: a tar in two members",
  () => {
    const bytes = makeTar([file("a"), file("b")]);
    return Buffer.concat([gz(bytes.subarray(0, 1024)), gz(bytes.subarray(1024))]);
  },
  "trailing-data",
);
refused(
  "tar.gz: bytes after the end",
  () => Buffer.concat([gz(makeTar([file("a")])), noise(5)]),
  "trailing-data",
);
refused("tar.gz: not a tar", () => gz(Buffer.from("only text".repeat(100))), "damaged");
refused("tar.gz: a bomb", () => gz(makeTar([file("a", { data: Buffer.alloc(20_000_000) })])), "ratio");
refused(
  "tar.gz: a bomb of zeros after the end",
  () => gz(makeTar([file("a")], Buffer.alloc(20_000_000))),
  "trailing-data",
);
refused("tar.gz: a gzip in a gzip is no tar", () => gz(gz(makeTar([file("a")]))), "truncated");

const zst = (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
refused("tar.zst: a link", () => zst(makeTar([{ name: "a", type: "2", link: "/" }])), "link");
refused(
  "tar.zst: cut off",
  () => zst(makeTar([file("a", { data: noise(9000) })])).subarray(0, 5000),
  "truncated",
);
refused("tar.zst: another checksum", () => flipped(zst(makeTar([file("a")])), -1), "checksum");
refused(
  "tar.zst: bytes after the end",
  () => Buffer.concat([zst(makeTar([file("a")])), noise(50)]),
  "trailing-data",
);
refused(
  "tar.zst: a frame to skip",
  () => Buffer.concat([zst(makeTar([file("a")])), Buffer.from("502a4d1804000000deadbeef", "hex")]),
  "trailing-data",
);
refused("tar.zst: a bomb", () => zst(makeTar([file("a", { data: Buffer.alloc(20_000_000) })])), "ratio");
refused(
  "tar.zst: a window that takes 128 MiB",
  () =>
    zstdCompressSync(makeTar([file("a", { data: noise(9_000_000) })]), {
      params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_enableLongDistanceMatching]: 1 },
    }),
  "unsupported",
);
refused(
  "tar.zst: frames without end",
  () => Buffer.concat(Array.from({ length: 2000 }, () => zst(Buffer.alloc(0)))),
  "unsupported",
);

refused("nothing at all", () => Buffer.alloc(0), "unknown-format");
refused("text", () => Buffer.from("hello ".repeat(200)), "unknown-format");
refused("a tar without a magic", () => Buffer.alloc(2048), "unknown-format");

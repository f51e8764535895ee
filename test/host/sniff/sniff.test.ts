import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { test } from "node:test";

import { sniff } from "../../../origin/host/sniff/sniff.ts";
import { makeTar, makeZip, noise } from "../archive/hostile.ts";

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");
const padded = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    ...parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
    noise(200),
  ]);

const png = padded(hex("89504e470d0a1a0a 0000000d49484452 00000010000000100806000000"));
const jpeg = padded(hex("ffd8ffe0 0010 4a46494600 0101 0048 0048 0000 ffdb"));
const gif = padded("GIF89a", hex("3d010a00 80 00 00 ffffff 000000 21f904"));
const webp = padded("RIFF", hex("24010000"), "WEBPVP8 ");
const ftyp = (brand: string, ...more: string[]): Buffer =>
  padded(Buffer.from([0, 0, 0, 16 + 4 * more.length]), "ftyp", brand, hex("00000200"), ...more);
const pdf = padded("%PDF-1.7\n%", hex("e2e3cfd3"), "\n1 0 obj\n");
const bmp = padded("BM", hex("36040000 00000000 36000000 28000000"));
const mp3 = padded("ID3", hex("0400000000"));
const zip = makeZip([{ name: "a.txt" }]);
const docx = makeZip([
  { name: "[Content_Types].xml" },
  { name: "_rels/.rels" },
  { name: "word/document.xml" },
]);
const odt = makeZip([
  { name: "mimetype", data: Buffer.from("application/vnd.oasis.opendocument.text") },
  { name: "content.xml" },
]);
const epub = makeZip([{ name: "mimetype", data: Buffer.from("application/epub+zip") }]);
const tar = makeTar([{ name: "a" }]);
const ole = padded(hex("d0cf11e0a1b11ae1"));
const exe = padded("MZ", hex("90000300000004000000ffff"));
const elf = padded(hex("7f454c46020101"));
const html = Buffer.from("<!DOCTYPE html>\n<html><head><title>x</title>");
const svg = Buffer.from('<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>');
const utf16 = (text: string): Buffer => Buffer.concat([hex("fffe"), Buffer.from(text, "utf16le")]);

const docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** What agrees: content, declared type, name, the type that comes out, and whether it is inert. */
const agreeing: readonly [Buffer, string, string, string, boolean][] = [
  [png, "image/png", "a.png", "image/png", false],
  [png, "Image/PNG; name=a", "A.PNG", "image/png", false],
  [jpeg, "image/jpg", "a.jpeg", "image/jpeg", false],
  [gif, "image/gif", "a.gif", "image/gif", false],
  [webp, "image/webp", "a.webp", "image/webp", false],
  [ftyp("avif", "mif1", "miaf"), "image/avif", "a.avif", "image/avif", false],
  [ftyp("mif1", "avif", "miaf"), "image/avif", "a.avif", "image/avif", false],
  [ftyp("heic", "mif1"), "image/heif", "a.heic", "image/heic", false],
  [bmp, "image/bmp", "a.bmp", "image/bmp", false],
  [padded("II*\0"), "image/tiff", "a.tif", "image/tiff", false],
  [padded(hex("00000100 0100")), "image/x-icon", "a.ico", "image/vnd.microsoft.icon", false],
  [padded(hex("ff0a")), "image/jxl", "a.jxl", "image/jxl", false],
  [mp3, "audio/mpeg", "a.mp3", "audio/mpeg", false],
  [padded(hex("fffb9064")), "audio/mpeg", "a.mp3", "audio/mpeg", false],
  [padded(hex("fff15080")), "audio/aac", "a.aac", "audio/aac", false],
  [padded("fLaC"), "audio/x-flac", "a.flac", "audio/flac", false],
  [padded("RIFF", hex("24010000"), "WAVEfmt "), "audio/x-wav", "a.wav", "audio/wav", false],
  [padded("OggS\0\x02"), "audio/ogg", "Voice message.ogg", "audio/ogg", false],
  [padded("OggS\0\x02"), "video/ogg", "a.ogv", "video/ogg", false],
  [ftyp("M4A ", "mp42"), "audio/mp4", "a.m4a", "audio/mp4", false],
  [ftyp("isom", "mp41"), "video/mp4", "a.mp4", "video/mp4", false],
  [ftyp("qt  "), "video/quicktime", "a.mov", "video/quicktime", false],
  [padded(hex("1a45dfa3")), "video/webm", "a.webm", "video/webm", false],
  [padded(hex("1a45dfa3")), "audio/webm", "a.webm", "audio/webm", false],
  [padded(hex("1a45dfa3")), "video/x-matroska", "a.mkv", "video/x-matroska", false],
  [padded("RIFF", hex("24010000"), "AVI LIST"), "video/x-msvideo", "a.avi", "video/x-msvideo", false],
  [Buffer.from("Grüße\n"), "text/plain", "a.txt", "text/plain", false],
  [Buffer.from("Gr\xfc\xdfe\n", "latin1"), "text/plain", "a.txt", "text/plain", false],
  [utf16("Grüße\n"), "text/plain", "a.txt", "text/plain", false],
  [
    Buffer.from("MZ and BM and GIF89a are how some files begin, said the text."),
    "text/plain",
    "a.txt",
    "text/plain",
    false,
  ],
  [Buffer.from("# Title\n"), "text/plain", "a.md", "text/markdown", false],
  [Buffer.from("a,b\n1,2\n"), "application/vnd.ms-excel", "a.csv", "text/csv", false],
  [Buffer.from('{"a":1}'), "application/json", "a.json", "application/json", false],
  [Buffer.from("fn main() {}"), "text/x-rust", "main.rs", "text/plain", false],
  [Buffer.from("fn main() {}"), "text/x-unheard-of", "a.md", "text/markdown", false],
  [png, "application/x-unheard-of", "a.png", "image/png", false],
  [Buffer.from("BEGIN:VCALENDAR\r\n"), "text/calendar", "a.ics", "text/calendar", true],
  [Buffer.from("See <script>alert(1)</script>"), "text/plain", "a.txt", "text/plain", true],
  [html, "text/plain", "a.txt", "text/plain", true],
  [utf16("<html>"), "text/plain", "a.txt", "text/plain", true],
  [html, "text/html", "a.html", "text/html", true],
  [html, "text/plain", "a.html", "text/html", true],
  [Buffer.from("\n <!-- x --><p>Hello"), "text/html", "a.htm", "text/html", true],
  [svg, "image/svg+xml", "a.svg", "image/svg+xml", true],
  [svg, "text/xml", "a.svg", "image/svg+xml", true],
  [Buffer.from("<svg onload=alert(1)>"), "image/svg+xml", "a.svg", "image/svg+xml", true],
  [Buffer.from('<?xml version="1.0"?><rss/>'), "application/rss+xml", "a.xml", "application/xml", true],
  [Buffer.from("alert(1)"), "text/javascript", "a.mjs", "text/javascript", true],
  [Buffer.from("body {}"), "text/css", "a.css", "text/css", true],
  [Buffer.from("#!/bin/sh\n"), "application/x-sh", "a.sh", "application/x-sh", true],
  [pdf, "application/pdf", "a.pdf", "application/pdf", true],
  [Buffer.from("{\\rtf1\\ansi}"), "application/rtf", "a.rtf", "application/rtf", true],
  [zip, "application/x-zip-compressed", "a.zip", "application/zip", true],
  [docx, docxType, "a.docx", docxType, true],
  [docx, "application/zip", "a.docx", docxType, true],
  [odt, "application/vnd.oasis.opendocument.text", "a.odt", "application/vnd.oasis.opendocument.text", true],
  [epub, "application/epub+zip", "a.epub", "application/epub+zip", true],
  [zip, "application/java-archive", "a.jar", "application/java-archive", true],
  [ole, "application/msword", "a.doc", "application/msword", true],
  [tar, "application/x-tar", "a.tar", "application/x-tar", true],
  [gzipSync(tar), "application/gzip", "a.tar.gz", "application/gzip", true],
  [zstdCompressSync(tar), "application/zstd", "a.tar.zst", "application/zstd", true],
  [padded(hex("377abcaf271c")), "application/x-7z-compressed", "a.7z", "application/x-7z-compressed", true],
  [exe, "application/x-msdownload", "a.exe", "application/vnd.microsoft.portable-executable", true],
  [elf, "application/x-sharedlib", "a.so", "application/x-executable", true],
  [padded(hex("0061736d01000000")), "application/wasm", "a.wasm", "application/wasm", true],
  [padded(hex("cafebabe00000041")), "application/java-vm", "a.class", "application/java-vm", true],
  [
    padded(hex("cafebabe00000002")),
    "application/x-mach-binary",
    "a.dylib",
    "application/x-mach-binary",
    true,
  ],
  [padded("wOF2"), "font/woff2", "a.woff2", "font/woff2", true],
];

test("what agrees keeps its type; only what cannot run anything is shown", () => {
  for (const [content, type, name, expected, inert] of agreeing) {
    const what = `${type} ${name} ${content.toString("latin1", 0, 20)}`;
    assert.deepEqual(sniff(content, { type, name }), { type: expected, inert }, what);
    // Either claim alone is enough, and both together say no less.
    assert.equal(sniff(content, { type }).refused, undefined, what);
    assert.equal(sniff(content, { name }).refused, undefined, what);
  }
});

const mismatches: readonly [Buffer, string | undefined, string | undefined, string][] = [
  [png, "image/jpeg", "a.png", "type-mismatch"],
  [png, "image/png", "a.jpg", "name-mismatch"],
  [png, undefined, "a.jpg", "name-mismatch"],
  [png, "application/octet-stream", "a.html", "name-mismatch"],
  [png, "text/html", undefined, "type-mismatch"],
  [html, "image/png", "a.png", "type-mismatch"],
  [html, "image/png", undefined, "type-mismatch"],
  [html, undefined, "a.png", "name-mismatch"],
  [html, "image/svg+xml", "a.svg", "type-mismatch"],
  [html, "application/json", "a.json", "type-mismatch"],
  [html, "text/css", "a.css", "type-mismatch"],
  [html, "text/plain", "a.csv", "name-mismatch"],
  [svg, "image/png", "a.png", "type-mismatch"],
  [exe, "image/png", "a.png", "type-mismatch"],
  [exe, "application/pdf", "invoice.pdf", "type-mismatch"],
  [exe, "text/plain", "a.txt", "type-mismatch"],
  [pdf, "application/pdf", "invoice.pdf.exe", "name-mismatch"],
  [elf, "audio/mpeg", "a.mp3", "type-mismatch"],
  [zip, "application/epub+zip", "a.epub", "type-mismatch"],
  [zip, docxType, "a.docx", "type-mismatch"],
  [docx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "a.xlsx", "type-mismatch"],
  [Buffer.from("alert(1)"), "text/javascript", "a.png", "name-mismatch"],
  [Buffer.from("alert(1)"), "text/javascript", "a.css", "name-mismatch"],
  [Buffer.from("GIF89a=1;alert(1)"), "image/gif", "a.gif", "type-mismatch"],
  [noise(100), "image/png", "a.png", "type-mismatch"],
  [noise(100), "text/plain", "a.txt", "type-mismatch"],
  [Buffer.concat([Buffer.from("junk\0"), pdf]), "application/pdf", "a.pdf", "type-mismatch"],
  [html, "application/x-unheard-of", "a.png", "name-mismatch"],
  [html, undefined, "page.png. ", "name-mismatch"],
];

test("what does not agree is refused, with a sentence that says what is wrong", () => {
  for (const [content, type, name, code] of mismatches) {
    const what = `${type} ${name} ${content.toString("latin1", 0, 20)}`;
    const result = sniff(content, { type, name });
    assert.equal(result.refused?.code, code, what);
    assert.match(result.refused?.message ?? "", /^The file.*\.$/s);
    assert.deepEqual([result.type, result.inert], ["application/octet-stream", true], what);
  }
});

const padding = Buffer.alloc(64);
const polyglots: readonly [string, Buffer, string, Buffer?][] = [
  ["jpeg and html", padded(jpeg.subarray(0, 20), "<html><script>alert(1)</script>"), "image/jpeg"],
  ["png and html", padded(png.subarray(0, 40), padding, "<SCRIPT src=//example.org>"), "image/png"],
  ["gif and php", padded(gif.subarray(0, 20), "<?php system($_GET[0]);"), "image/gif"],
  ["webp and svg", padded(webp.subarray(0, 16), "<svg onload=alert(1)>"), "image/webp"],
  ["mp3 and html", padded(mp3.subarray(0, 10), "<!doctype  html><p>"), "audio/mpeg"],
  ["gif and a script", padded("GIF89a/*", hex("0000"), "*/=1;alert(1)"), "image/gif"],
  ["gif and a script, by its size", padded("GIF89a=1;alert(1)//", hex("0001")), "image/gif"],
  ["jpeg and a script", padded(hex("ffd8ffe02f2a4a464946"), padding, "*/=alert(1)/*"), "image/jpeg"],
  ["bmp and a script", padded("BM/*", hex("0000000000000000000028000000"), "*/=1;alert(1)"), "image/bmp"],
  ["wav and a script", padded("RIFF/*\0\0WAVEfmt */=1;"), "audio/wav"],
  ["png and pdf", padded(png.subarray(0, 40), "%PDF-1.7"), "image/png"],
  ["pdf and zip, in its first bytes", padded("%PDF-1.7\n", hex("e2e3"), zip), "application/pdf"],
  ["pdf and html", padded("%PDF-1.7\n<script>alert(1)</script>"), "application/pdf"],
  ["png and zip, behind it", png, "image/png", Buffer.concat([noise(500), zip])],
  [
    "gif and jar, behind it with a comment",
    gif,
    "image/gif",
    makeZip([{ name: "A.class" }], { comment: Buffer.from("x") }),
  ],
  ["pdf and zip, behind it", pdf, "application/pdf", zip],
];

test("a file that is two things at once is refused", () => {
  for (const [what, content, type, tail] of polyglots) {
    assert.equal(sniff(content, { type }, tail).refused?.code, "polyglot", what);
  }
});

test("ordinary files are not taken for two things", () => {
  const xmp = '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description/></rdf:RDF>';
  assert.equal(sniff(padded(jpeg.subarray(0, 20), xmp), { type: "image/jpeg" }).refused, undefined);
  // 61 and 317 pixels wide: the first byte of the size is an equals sign.
  for (const size of ["3d000a00", "3d010a00"]) {
    assert.equal(sniff(padded("GIF89a", hex(size), hex("8000")), { type: "image/gif" }).refused, undefined);
  }
  const zipOfPdf = makeZip([{ name: "a.pdf", data: pdf }]);
  assert.deepEqual(sniff(zipOfPdf, { name: "a.zip" }, zipOfPdf), { type: "application/zip", inert: true });
  assert.equal(sniff(png, { type: "image/png" }, noise(60_000)).refused, undefined);
});

test("a file that claims nothing is never refused for what it is not", () => {
  const encrypted = noise(5000);
  for (const type of [undefined, "", "application/octet-stream", "application/x-unheard-of"]) {
    assert.deepEqual(sniff(encrypted, { type }), { type: "application/octet-stream", inert: true });
    assert.deepEqual(sniff(encrypted, { type, name: "a.c9r" }), {
      type: "application/octet-stream",
      inert: true,
    });
    // Two bytes of chance make no bitmap, no program and no song.
    for (const chance of ["BM", "MZ", "\xff\xfb\x90"]) {
      const { type: found, refused } = sniff(padded(chance, noise(100)), { type });
      assert.deepEqual([found, refused], ["application/octet-stream", undefined]);
    }
  }
  assert.deepEqual(sniff(png, {}), { type: "image/png", inert: false });
  assert.deepEqual(sniff(html, {}), { type: "text/html", inert: true });
  assert.deepEqual(sniff(svg, {}), { type: "image/svg+xml", inert: true });
  assert.deepEqual(sniff(Buffer.from("plain"), {}), { type: "text/plain", inert: false });
});

test("an empty file agrees with everything and is inert", () => {
  assert.deepEqual(sniff(Buffer.alloc(0), { name: "new.docx", type: docxType }), {
    type: docxType,
    inert: true,
  });
  assert.deepEqual(sniff(new Uint8Array(), {}), { type: "application/octet-stream", inert: true });
});

test("whatever the bytes are, there is an answer, and nothing that could run is shown", () => {
  for (let seed = 0; seed < 400; seed++) {
    const bytes = noise(300 + seed).subarray(seed);
    for (const start of [png, gif, html, svg, zip, pdf, tar]) {
      const mixed = Buffer.concat([start.subarray(0, seed % 60), bytes]);
      const { type, inert } = sniff(mixed, seed % 2 === 0 ? {} : { type: "image/png", name: "a.png" });
      assert.ok(inert || /^(?:image\/(?!svg)|audio\/|video\/|text\/plain$)/.test(type), type);
    }
  }
});

import type { Magic } from "./file-types.ts";

/** A file's first bytes as one character a byte, so that they can be compared with strings. */
type Head = string;

const starts: readonly (readonly [Magic, string])[] = [
  ["png", "\x89PNG\r\n\x1a\n"],
  ["jpeg", "\xff\xd8\xff"],
  ["gif", "GIF87a"],
  ["gif", "GIF89a"],
  ["tiff", "II*\0"],
  ["tiff", "MM\0*"],
  ["ico", "\0\0\x01\0"],
  ["jxl", "\0\0\0\x0cJXL \r\n\x87\n"],
  ["jxl", "\xff\x0a"],
  ["pdf", "%PDF-"],
  ["rtf", "{\\rtf"],
  ["zip", "PK\x03\x04"],
  ["zip", "PK\x05\x06"],
  ["ole", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
  ["gzip", "\x1f\x8b\x08"],
  ["zstd", "\x28\xb5\x2f\xfd"],
  ["bzip2", "BZh"],
  ["xz", "\xfd7zXZ\0"],
  ["seven-zip", "7z\xbc\xaf\x27\x1c"],
  ["rar", "Rar!\x1a\x07"],
  ["sqlite", "SQLite format 3\0"],
  ["woff", "wOFF"],
  ["woff2", "wOF2"],
  ["ttf", "\0\x01\0\0\0"],
  ["otf", "OTTO"],
  ["elf", "\x7fELF"],
  ["wasm", "\0asm"],
  ["mach-o", "\xfe\xed\xfa\xce"],
  ["mach-o", "\xfe\xed\xfa\xcf"],
  ["mach-o", "\xce\xfa\xed\xfe"],
  ["mach-o", "\xcf\xfa\xed\xfe"],
  ["mp3", "ID3"],
  ["flac", "fLaC"],
  ["ogg", "OggS\0"],
  ["midi", "MThd"],
  ["amr", "#!AMR"],
  ["matroska", "\x1aE\xdf\xa3"],
  ["mpeg", "\0\0\x01\xba"],
  ["mpeg", "\0\0\x01\xb3"],
];

/** What two bytes say is chance as often as not: it needs a name or a type that says the same. */
const weak: ReadonlySet<Magic> = new Set<Magic>(["bmp", "exe", "mp3", "aac", "jxl", "ico"]);

export interface Detected {
  readonly magic: Magic;
  readonly certain: boolean;
}

/** What the first bytes are, other than text; undefined when they are nothing known. */
export function detectMagic(head: Head): Detected | undefined {
  const magic = starts.find(([, start]) => head.startsWith(start))?.[0] ?? detectByStructure(head);
  return magic && { magic, certain: !weak.has(magic) };
}

function detectByStructure(head: Head): Magic | undefined {
  if (head.startsWith("RIFF")) {
    const form = head.slice(8, 12);
    return ({ WEBP: "webp", WAVE: "wav", "AVI ": "avi" } as const)[form];
  }
  if (head.slice(4, 8) === "ftyp") return isoMedia(head);
  if (head.slice(257, 262) === "ustar") return "tar";
  // The two reserved fields are zero, the header has a known size.
  if (head.startsWith("BM") && head.slice(6, 10) === "\0\0\0\0" && code(head, 14) <= 124) return "bmp";
  if (head.startsWith("MZ") && head.length >= 64) return "exe";
  // Java's classes and Mach-O's fat files share their first bytes: what follows is a version, or a small count.
  if (head.startsWith("\xca\xfe\xba\xbe")) return code(head, 7) >= 43 ? "class" : "mach-o";
  if (code(head, 0) === 0xff) {
    const [second, third] = [code(head, 1), code(head, 2)];
    // ADTS: layer 0; MPEG audio: a layer, a bit rate and a sampling rate that exist.
    if ((second & 0xf6) === 0xf0) return "aac";
    const layer = (second & 0xe0) === 0xe0 && (second & 0x06) !== 0 && (second & 0x18) !== 0x08;
    if (layer && third >>> 4 !== 0 && third >>> 4 !== 0xf && (third & 0x0c) !== 0x0c) return "mp3";
  }
  return undefined;
}

/** ISO 14496-12 §4.3: the brands of the first box. */
function isoMedia(head: Head): Magic {
  const brand = head.slice(8, 12);
  const compatible = head.slice(16, Math.min(code(head, 3), 256));
  if (/^avi[fs]/.test(brand) || /avi[fs]/.test(/^mi?f1|^msf1/.test(brand) ? compatible : "")) return "avif";
  if (/^(?:hei[cxms]|hev[cxms]|mif1|msf1)/.test(brand)) return "heic";
  return "mp4";
}

function code(head: Head, index: number): number {
  return index < head.length ? head.charCodeAt(index) : 0;
}

export interface ImageSize {
  readonly format: "png" | "jpeg" | "gif" | "webp";
  /** Pixels, as the file says. */
  readonly width: number;
  readonly height: number;
}

/** As many first bytes as `readImageSize` makes use of: a JPEG may have its profiles and previews before its size. */
export const imageHeadBytes = 256 * 1024;

/**
 * The format and size of a picture by its first bytes, without decoding any of it; undefined for anything but the
 * four formats of which thumbnails are made.
 */
export function readImageSize(head: Uint8Array): ImageSize | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const starts = (text: string, at = 0): boolean => bytes.toString("latin1", at, at + text.length) === text;
  try {
    if (starts("\x89PNG\r\n\x1a\n") && starts("IHDR", 12)) {
      return { format: "png", width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    }
    if (starts("GIF87a") || starts("GIF89a")) {
      return { format: "gif", width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
    }
    if (starts("RIFF") && starts("WEBP", 8)) return readWebp(bytes);
    if (starts("\xff\xd8\xff")) return readJpeg(bytes);
  } catch (error) {
    // It ends before its size.
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

/** RFC 9649 §2.5 to 2.7. */
function readWebp(bytes: Buffer): ImageSize | undefined {
  const size = (width: number, height: number): ImageSize => ({ format: "webp", width, height });
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8X":
      return size(bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1);
    case "VP8L": {
      const bits = bytes.readUInt32LE(21);
      return size((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
    }
    case "VP8 ":
      return size(bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff);
    default:
      return undefined;
  }
}

/** ISO 10918-1 §B.1: segment by segment to the frame header. */
function readJpeg(bytes: Buffer): ImageSize | undefined {
  for (let at = 2; ; ) {
    if (bytes.readUInt8(at) !== 0xff) return undefined;
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // SOF0 to SOF15, without the tables (DHT, JPG, DAC) that lie among them.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { format: "jpeg", width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
}

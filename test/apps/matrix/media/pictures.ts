import { crc32, deflateSync } from "node:zlib";

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function header(width: number, height: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, 2], 8);
  return chunk("IHDR", data);
}

const signature = Buffer.from("89504e470d0a1a0a", "hex");

/** A PNG, 24 bits a pixel: a gradient that no two seeds share. */
export function makePng(width: number, height: number, seed = 0): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows.set([x & 255, y & 255, seed & 255], y * (width * 3 + 1) + 1 + x * 3);
    }
  }
  return Buffer.concat([
    signature,
    header(width, height),
    chunk("tEXt", Buffer.from(`seed\0${seed}`)),
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A PNG of a few kilobytes that says it has so many pixels, and would have them: all zero. */
export function makePngBomb(width: number, height: number): Buffer {
  const rows = deflateSync(Buffer.alloc((width * 3 + 1) * Math.min(height, 400)), { level: 9 });
  return Buffer.concat([
    signature,
    header(width, height),
    chunk("IDAT", rows),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A GIF of so many frames, 2 × 2 pixels, each of one of two colours. */
export function makeGif(frames: number): Buffer {
  const head = Buffer.concat([
    Buffer.from("GIF89a", "latin1"),
    Buffer.from("02000200800000ff000000ff00", "hex"),
    Buffer.from("21ff0b4e45545343415045322e300301000000", "hex"),
  ]);
  const frame = (at: number): Buffer =>
    Buffer.from(
      `21f904000a0000002c000000000200020000 02 02 ${at % 2 ? "8c5300" : "845100"}`.replaceAll(" ", ""),
      "hex",
    );
  return Buffer.concat([head, ...Array.from({ length: frames }, (_, at) => frame(at)), Buffer.from(";")]);
}

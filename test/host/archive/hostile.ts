/** Makes archives byte by byte, so that every lie can be told. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipPart {
  name: string | Buffer;
  data?: Buffer;
  /** Deflated when true. */
  deflate?: boolean;
  /** With a data descriptor after the data, and none of its numbers in front. */
  descriptor?: boolean;
  /** Lies in the table; the local header says the truth. */
  table?: Partial<ZipHeader>;
  /** Lies in front of the data; the table says the truth. */
  local?: Partial<ZipHeader>;
  /** Written before or after the entry, described by nothing. */
  before?: Buffer;
  after?: Buffer;
}

interface ZipHeader {
  name: string | Buffer;
  method: number;
  flags: number;
  crc: number;
  packed: number;
  size: number;
  offset: number;
  extra: Buffer;
  /** The Unix mode with its file type. */
  mode: number;
}

export interface ZipEnd {
  entries?: number;
  comment?: Buffer;
  /** Added to the place where the table is said to begin. */
  shift?: number;
  before?: Buffer;
  after?: Buffer;
}

export function makeZip(parts: readonly ZipPart[], end: ZipEnd = {}): Buffer {
  const chunks: Buffer[] = [];
  const table: Buffer[] = [];
  let offset = 0;
  const write = (...buffers: Buffer[]) => {
    chunks.push(...buffers);
    for (const buffer of buffers) offset += buffer.length;
  };
  for (const part of parts) {
    if (part.before) write(part.before);
    const data = part.data ?? Buffer.from("content");
    const packed = part.deflate === true ? deflateRawSync(data) : data;
    const truth: ZipHeader = {
      name: part.name,
      method: part.deflate === true ? 8 : 0,
      flags: 0x800 | (part.descriptor === true ? 8 : 0),
      crc: crc32(data),
      packed: packed.length,
      size: data.length,
      offset,
      extra: Buffer.alloc(0),
      mode: 0,
    };
    const unknown = part.descriptor === true ? { crc: 0, packed: 0, size: 0 } : {};
    write(localHeader({ ...truth, ...unknown, ...part.local }), packed);
    if (part.descriptor === true) write(descriptor(truth));
    if (part.after) write(part.after);
    table.push(tableHeader({ ...truth, ...part.table }));
  }
  const start = offset;
  write(...table);
  const size = offset - start;
  if (end.before) write(end.before);
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.entries ?? parts.length, 8);
  record.writeUInt16LE(end.entries ?? parts.length, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(start + (end.shift ?? 0), 16);
  record.writeUInt16LE(end.comment?.length ?? 0, 20);
  write(record, end.comment ?? Buffer.alloc(0), end.after ?? Buffer.alloc(0));
  return Buffer.concat(chunks);
}

function localHeader(header: ZipHeader): Buffer {
  const name = Buffer.from(header.name as string);
  const fixed = Buffer.alloc(30);
  fixed.writeUInt32LE(0x04034b50, 0);
  fixed.writeUInt16LE(20, 4);
  fixed.writeUInt16LE(header.flags, 6);
  fixed.writeUInt16LE(header.method, 8);
  fixed.writeUInt32LE(header.crc, 14);
  fixed.writeUInt32LE(header.packed, 18);
  fixed.writeUInt32LE(header.size, 22);
  fixed.writeUInt16LE(name.length, 26);
  fixed.writeUInt16LE(header.extra.length, 28);
  return Buffer.concat([fixed, name, header.extra]);
}

function tableHeader(header: ZipHeader): Buffer {
  const name = Buffer.from(header.name as string);
  const fixed = Buffer.alloc(46);
  fixed.writeUInt32LE(0x02014b50, 0);
  // Made on Unix.
  fixed.writeUInt16LE(0x0314, 4);
  fixed.writeUInt16LE(20, 6);
  fixed.writeUInt16LE(header.flags, 8);
  fixed.writeUInt16LE(header.method, 10);
  fixed.writeUInt32LE(header.crc, 16);
  fixed.writeUInt32LE(header.packed, 20);
  fixed.writeUInt32LE(header.size, 24);
  fixed.writeUInt16LE(name.length, 28);
  fixed.writeUInt16LE(header.extra.length, 30);
  fixed.writeUInt32LE((header.mode << 16) >>> 0, 38);
  fixed.writeUInt32LE(header.offset, 42);
  return Buffer.concat([fixed, name, header.extra]);
}

function descriptor({ crc, packed, size }: ZipHeader): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  bytes.writeUInt32LE(packed, 8);
  bytes.writeUInt32LE(size, 12);
  return bytes;
}

/** APPNOTE §4.5.3: the sizes of eight bytes. */
export function zip64Extra(size: bigint, packed: bigint): Buffer {
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(size, 4);
  extra.writeBigUInt64LE(packed, 12);
  return extra;
}

/** Info-ZIP's second name for an entry. */
export function unicodePathExtra(rawName: string, name: string): Buffer {
  const text = Buffer.from(name);
  const extra = Buffer.alloc(9 + text.length);
  extra.writeUInt16LE(0x7075, 0);
  extra.writeUInt16LE(5 + text.length, 2);
  extra[4] = 1;
  extra.writeUInt32LE(crc32(Buffer.from(rawName)), 5);
  text.copy(extra, 9);
  return extra;
}

export interface TarPart {
  name: string | Buffer;
  data?: Buffer;
  /** The type flag; "0", a file, when absent. */
  type?: string;
  mode?: number;
  link?: string;
  prefix?: string;
  /** What the header says instead of the data's length. */
  size?: number | Buffer;
  gnu?: boolean;
  /** Added to the right checksum. */
  sumOff?: number;
  padding?: Buffer;
}

export function makeTar(parts: readonly TarPart[], end: Buffer = Buffer.alloc(1024)): Buffer {
  const chunks = parts.flatMap((part) => {
    const data = part.data ?? Buffer.alloc(0);
    const padding = part.padding ?? Buffer.alloc((512 - (data.length % 512)) % 512);
    return [tarHeader(part, data.length), data, padding];
  });
  return Buffer.concat([...chunks, end]);
}

function tarHeader(part: TarPart, length: number): Buffer {
  const block = Buffer.alloc(512);
  Buffer.from(part.name as string).copy(block, 0, 0, 100);
  block.write(`${(part.mode ?? 0o644).toString(8).padStart(7, "0")}\0`, 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  const size = part.size ?? length;
  if (typeof size === "number") block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  else size.copy(block, 124);
  block.write("14524666000\0", 136);
  block.write(part.type ?? "0", 156);
  block.write(part.link ?? "", 157);
  block.write(part.gnu === true ? "ustar  \0" : "ustar\x0000", 257, "latin1");
  block.write(part.prefix ?? "", 345);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, part.sumOff ?? 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A pax header for the next entry. */
export function pax(records: Record<string, string>, type = "x"): TarPart {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + String(rest).length;
    if (String(length).length !== String(rest).length) length = rest + String(length).length;
    return `${length} ${key}=${value}\n`;
  });
  return { name: "PaxHeader", type, data: Buffer.from(lines.join("")) };
}

/** Bytes that no compressor makes smaller, always the same. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x2545f491;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

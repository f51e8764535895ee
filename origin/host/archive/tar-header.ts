import { ArchiveError } from "./archive-error.ts";
import { decodeName } from "./entry-path.ts";

export const blockBytes = 512;

/** A header block of POSIX ustar or GNU tar. */
export interface TarHeader {
  readonly name: string;
  /** The type flag, "0" for a file. */
  readonly type: string;
  /** Bytes that follow. */
  readonly size: number;
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
}

/** What a pax record or a GNU long name says about the next entry. */
export interface TarOverrides {
  name?: string;
  size?: number;
  mtime?: number;
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** Whether the bytes begin with a tar header that this reader knows. */
export function looksLikeTar(head: Buffer): boolean {
  return head.length >= blockBytes && magicOf(head) !== undefined && checksumOf(head) === readSum(head);
}

/** Reads one header block. Throws ArchiveError. */
export function parseTarHeader(block: Buffer): TarHeader {
  const magic = magicOf(block);
  if (magic === undefined || checksumOf(block) !== readSum(block)) throw new ArchiveError("damaged");
  const name = readText(block, 0, 100);
  const prefix = magic === "ustar" ? readText(block, 345, 155) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 0),
    size: readNumber(block, 124, 12),
    mode: readNumber(block, 100, 8),
    // A time before 1970 is written as a negative number: no reason to refuse the file.
    mtime: block[136] === 0xff ? 0 : readNumber(block, 136, 12) * 1000,
  };
}

/**
 * The records of a pax header, "LENGTH KEY=VALUE\n" each (POSIX pax, extended header). Every byte must belong to a
 * record: programs differ in what they make of a broken one. Throws ArchiveError.
 */
export function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  let offset = 0;
  while (offset < body.length) {
    const space = body.indexOf(0x20, offset);
    const digits = space === -1 ? "" : body.toString("latin1", offset, space);
    if (!/^[1-9]\d{0,8}$/.test(digits)) throw new ArchiveError("damaged");
    const end = offset + Number(digits);
    const equals = body.indexOf(0x3d, space);
    if (end > body.length || body[end - 1] !== 0x0a || equals === -1 || equals >= end) {
      throw new ArchiveError("damaged");
    }
    const key = body.toString("latin1", space + 1, equals);
    if (records.has(key)) throw new ArchiveError("header-mismatch");
    const value = body.subarray(equals + 1, end - 1);
    records.set(key, key === "path" ? decodeName(value) : value.toString("latin1"));
    offset = end;
  }
  return records;
}

/** What the records change in the next entry; features that alter what a file holds are refused. */
export function overridesOf(records: ReadonlyMap<string, string>): TarOverrides {
  const overrides: TarOverrides = {};
  for (const [key, value] of records) {
    if (key.startsWith("GNU.sparse.")) throw new ArchiveError("unsupported");
    if (key === "path") overrides.name = value;
    if (key === "size") {
      if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) {
        throw new ArchiveError("damaged");
      }
      overrides.size = Number(value);
    }
    if (key === "mtime" && /^\d{1,12}(?:\.\d*)?$/.test(value)) overrides.mtime = Number(value) * 1000;
  }
  return overrides;
}

function magicOf(block: Buffer): "ustar" | "gnu" | undefined {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar\x0000") return "ustar";
  return magic === "ustar  \0" ? "gnu" : undefined;
}

const readSum = (block: Buffer): number => Number.parseInt(block.toString("latin1", 148, 156), 8);

function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockBytes; index++) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

/** Text up to the first NUL; what follows that must be NUL too, or two programs read two names. */
function readText(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  if (end === -1) return decodeName(field);
  if (!isZero(field.subarray(end))) throw new ArchiveError("bad-name");
  return decodeName(field.subarray(0, end));
}

/** Octal digits, or GNU's big-endian binary marked by the top bit. */
function readNumber(block: Buffer, offset: number, length: number): number {
  const field = block.subarray(offset, offset + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    // 0xff begins a negative number, which no size or mode is.
    if (first !== 0x80) throw new ArchiveError("damaged");
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw new ArchiveError("damaged");
    return value;
  }
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString("latin1"))?.[1];
  if (digits === undefined) throw new ArchiveError("damaged");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

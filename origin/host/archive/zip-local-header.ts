import { ArchiveError } from "./archive-error.ts";
import { localHeaderBytes, type ZipEntry, zipFlags } from "./zip-entry.ts";

/** All ones: the real number is in the zip64 extra field (APPNOTE §4.5.3). */
const inZip64 = 0xffffffff;

/**
 * Holds the header in front of an entry's data against the table's: a program that reads the stream goes by this
 * one, a program that reads the table by the other, and both must see the same. Throws ArchiveError.
 */
export function checkLocalHeader(header: Buffer, entry: ZipEntry): void {
  if (header.readUInt32LE(0) !== 0x04034b50) throw new ArchiveError("damaged", entry.name);
  const mismatch = () => new ArchiveError("header-mismatch", entry.name);
  const nameEnd = localHeaderBytes + header.readUInt16LE(26);
  if (!header.subarray(localHeaderBytes, nameEnd).equals(entry.rawName)) throw mismatch();
  const compared = zipFlags.encrypted | zipFlags.descriptor | zipFlags.strong | zipFlags.utf8;
  if (((header.readUInt16LE(6) ^ entry.flags) & compared) !== 0) throw mismatch();
  if (header.readUInt16LE(8) !== entry.method) throw mismatch();

  const crc = header.readUInt32LE(14);
  const [packed, size] = sizesOf(header, nameEnd);
  const same = crc === entry.crc && packed === entry.packed && size === entry.size;
  // With a descriptor the numbers come after the data, and are left open here.
  const open = entry.hasDescriptor && [0, entry.crc].includes(crc);
  const sizesOpen = isOpen(packed, entry.packed) && isOpen(size, entry.size);
  if (!same && !(open && sizesOpen)) throw mismatch();
}

const isOpen = (number: number, real: number): boolean => [0, inZip64, real].includes(number);

function sizesOf(header: Buffer, extraStart: number): [packed: number, size: number] {
  let packed = header.readUInt32LE(18);
  let size = header.readUInt32LE(22);
  if (packed !== inZip64 && size !== inZip64) return [packed, size];
  for (let at = extraStart; at + 4 <= header.length; at += 4 + header.readUInt16LE(at + 2)) {
    if (header.readUInt16LE(at) !== 1) continue;
    const field = header.subarray(at + 4, at + 4 + header.readUInt16LE(at + 2));
    let next = 0;
    const take = (): number => {
      next += 8;
      return next <= field.length ? Number(field.readBigUInt64LE(next - 8)) : inZip64;
    };
    // In this order, each only where its own field is all ones.
    if (size === inZip64) size = take();
    if (packed === inZip64) packed = take();
    break;
  }
  return [packed, size];
}

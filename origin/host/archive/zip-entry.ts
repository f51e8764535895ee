import type { EntryKind } from "./name-ledger.ts";

/** An entry as the table at the end of a zip has it. */
export interface ZipEntry {
  readonly name: string;
  readonly rawName: Buffer;
  readonly kind: EntryKind;
  readonly offset: number;
  /** Bytes in the archive and unpacked. */
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  readonly flags: number;
  readonly method: number;
  readonly deflated: boolean;
  readonly hasDescriptor: boolean;
  readonly mode: number | undefined;
  readonly mtime: Date;
}

/** APPNOTE §4.4.4: encrypted, with a data descriptor, strongly encrypted, UTF-8, with a masked header. */
export const zipFlags = { encrypted: 0x1, descriptor: 0x8, strong: 0x40, utf8: 0x800, masked: 0x2000 };

/** A local header without its name and extra field. */
export const localHeaderBytes = 30;

/** The parts of mailsplit (no types of its own) that are used here. */
declare module "mailsplit" {
  import type { Duplex, Transform } from "node:stream";

  export interface HeaderLines {
    /** Octets as Latin-1, name and all, folded as it came. */
    getList(): { key: string; line: string }[];
    getFirst(key: string): string;
  }

  export class Headers implements HeaderLines {
    constructor(head: Buffer);
    getList(): { key: string; line: string }[];
    getFirst(key: string): string;
    hasHeader(key: string): boolean;
    /** Before the others. */
    add(key: string, value: string): void;
    remove(key: string): void;
    /** With the empty line at its end. */
    build(): Buffer;
    headers: Buffer | false;
    lines: { key: string; line: string }[];
    parsed: boolean;
    mbox: string | false;
    _parseHeaders(): void;
  }

  export interface MimeNode {
    readonly type: "node";
    readonly parentNode: MimeNode | false;
    readonly headers: HeaderLines;
    readonly contentType: string | false;
    readonly charset: string | false;
    readonly disposition: string | false;
    readonly filename: string | false;
    readonly multipart: string | false;
    readonly _boundary: Buffer | false;
    readonly _parentBoundary: Buffer | false;
    getDecoder(): Duplex;
  }

  export type SplitPiece = MimeNode | { type: "body" | "data"; node: MimeNode; value?: Buffer };

  export class Splitter extends Transform {
    constructor(options?: { ignoreEmbedded?: boolean; maxHeadSize?: number; maxChildNodes?: number });
    /** 1 in a header, 2 in a body. */
    state: number;
    /** The part that is being read. */
    node: MimeNode;
    /** What came behind the last line that is done with, to be looked at with what comes next. */
    line: Buffer | false;
    hasFailed: boolean;
    /** False where the line (with the end of the line before it, or without) is no boundary of `node` or its parent. */
    checkBoundary(line: Buffer): number | false;
    /** Answers at once. */
    processLine(
      line: Buffer,
      isFinal: boolean,
      next: (error: Error | null, piece?: SplitPiece | false) => void,
    ): void;
  }
}

declare module "libmime" {
  const libmime: {
    decodeWords(text: string): string;
  };
  export default libmime;
}

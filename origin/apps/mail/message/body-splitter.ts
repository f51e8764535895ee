import type { TransformCallback } from "node:stream";
import { Splitter } from "mailsplit";

const inBody = 2;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dash = 0x2d;

/**
 * The library's splitter, which hands over bodies in large pieces: its own takes each of their lines by itself and a turn
 * of the event loop for it, two microseconds a line. What a boundary and a header are is still the library's to say.
 */
export class BodySplitter extends Splitter {
  /** What comes next belongs to a line of which a part is handed over. */
  #isMidLine = false;

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let rest = this.line ? Buffer.concat([this.line, chunk]) : chunk;
    this.line = false;
    try {
      while (rest.length > 0) {
        const taken = this.state === inBody ? this.#takeBody(rest) : this.#takeHeaderLine(rest);
        if (taken === 0) break;
        rest = rest.subarray(taken);
      }
    } catch (error) {
      this.hasFailed = true;
      done(error as Error);
      return;
    }
    if (rest.length > 0) this.line = rest;
    done();
  }

  /** Answers how many bytes it took; none, where the line is not complete. */
  #takeHeaderLine(bytes: Buffer): number {
    const end = bytes.indexOf(lineFeed) + 1;
    if (end > 0) this.#takeLine(bytes.subarray(0, end));
    return end;
  }

  #takeLine(line: Buffer): void {
    this.processLine(line, false, (error, piece) => {
      if (error) throw error;
      if (piece) this.push(piece);
    });
  }

  /** Up to the boundary that ends the body, with it. Answers how many bytes it took, not those that may begin one. */
  #takeBody(bytes: Buffer): number {
    let start = this.#isMidLine ? nextCandidate(bytes, 0) : isDashed(bytes, 0) ? 0 : nextCandidate(bytes, 0);
    while (start !== -1) {
      const end = bytes.indexOf(lineFeed, start) + 1;
      if (end === 0) break;
      const line = bytes.subarray(start, end);
      if (this.checkBoundary(line) !== false) {
        this.#handOver(bytes.subarray(0, this.#isPart() ? beforeLineEnd(bytes, start) : start));
        this.#isMidLine = false;
        this.#takeLine(line);
        return end;
      }
      start = nextCandidate(bytes, end - 1);
    }
    return this.#takeAllBut(bytes);
  }

  /** The last line may be a boundary once it is complete, and the line end before it is the boundary's then. */
  #takeAllBut(bytes: Buffer): number {
    const start = bytes.lastIndexOf(lineFeed) + 1;
    if (!this.#mayBeBoundary(bytes.subarray(start)) || (start === 0 && this.#isMidLine)) {
      // Nor is it torn from its carriage return.
      const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
      this.#handOver(bytes.subarray(0, end));
      this.#isMidLine = true;
      return end;
    }
    const end = beforeLineEnd(bytes, start);
    this.#handOver(bytes.subarray(0, end));
    this.#isMidLine &&= end === 0;
    return end;
  }

  #handOver(value: Buffer): void {
    if (value.length > 0) this.push({ node: this.node, type: this.node.multipart ? "data" : "body", value });
  }

  /** The line end before a boundary is not the part's own (RFC 2046 §5.1.1). */
  #isPart(): boolean {
    return this.node.parentNode !== false && !this.node.multipart;
  }

  /** Of a line that is not complete. */
  #mayBeBoundary(line: Buffer): boolean {
    const { _boundary, _parentBoundary } = this.node;
    const longest = Math.max(_boundary ? _boundary.length : 0, _parentBoundary ? _parentBoundary.length : 0);
    // With two dashes on both sides and a line end.
    if (line.length > longest + 6) return false;
    return line.length < 2 ? line.length === 0 || line[0] === dash : isDashed(line, 0);
  }
}

/** Where the next line begins that begins as boundaries do, behind a line feed at `from` or later; or -1. */
function nextCandidate(bytes: Buffer, from: number): number {
  const at = bytes.indexOf("\n--", from, "latin1");
  return at === -1 ? -1 : at + 1;
}

function isDashed(bytes: Buffer, at: number): boolean {
  return bytes[at] === dash && bytes[at + 1] === dash;
}

function beforeLineEnd(bytes: Buffer, start: number): number {
  if (bytes[start - 1] !== lineFeed) return start;
  return bytes[start - 2] === carriageReturn ? start - 2 : start - 1;
}

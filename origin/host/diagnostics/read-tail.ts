import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/**
 * The last lines of a text file, `maxBytes` at most, whole ones only. Half a private key at the cut is left out:
 * nothing of what is left would show what it is.
 */
export function readTail(path: string, maxBytes: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, maxBytes);
    const bytes = Buffer.alloc(length);
    const read = readSync(file, bytes, 0, length, size - length);
    const text = bytes.toString("utf8", 0, read);
    if (size <= maxBytes) return text;
    const cut = text.indexOf("\n");
    // No line ends in it at all: whatever it is, its beginning may be half a secret.
    if (cut === -1) return "";
    const lines = text.slice(cut + 1);
    const end = /-----END [A-Z0-9 ]*-----/.exec(lines);
    const begin = lines.indexOf("-----BEGIN ");
    return end && (begin === -1 || begin > end.index) ? lines.slice(end.index + end[0].length) : lines;
  } finally {
    closeSync(file);
  }
}

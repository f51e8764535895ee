import { ArchiveError } from "./archive-error.ts";
import type { ArchiveLimits } from "./archive-limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The name's text; throws ArchiveError "bad-name" when the bytes are no UTF-8. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new ArchiveError("bad-name", Buffer.from(bytes).toString("latin1"), { cause: error });
  }
}

/**
 * Control characters, line separators and the marks that reverse the direction of text: they let a name show as
 * another. The backslash and the colon separate paths, drives and streams on other systems.
 */
const badCharacter = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\\:]/u;

/**
 * The parts of an entry's path, which lead down only: relative, with "/" between them, none of them empty, "." or
 * "..". A leading "./" is dropped (`tar -C folder .` writes it); the root itself is no parts at all.
 * Throws ArchiveError.
 */
export function splitPath(name: string, limits: ArchiveLimits): string[] {
  if (name === "." || name === "./") return [];
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) throw new ArchiveError("absolute-path", name);
  if (name.startsWith("\\")) throw new ArchiveError("absolute-path", name);
  const parts = name.replace(/^\.\//, "").replace(/\/$/, "").split("/");
  if (parts.some((part) => part.split("\\").includes(".."))) throw new ArchiveError("parent-path", name);
  if (Buffer.byteLength(name) > limits.pathBytes) throw new ArchiveError("path-too-long", name);
  if (parts.length > limits.depth) throw new ArchiveError("too-deep", name);
  for (const part of parts) {
    // A trailing dot or space is dropped by some file systems: the name would become another's.
    if (part === "" || part === "." || badCharacter.test(part) || /[. ]$/.test(part)) {
      throw new ArchiveError("bad-name", name);
    }
    // NAME_MAX of every file system that the data folder may lie on.
    if (Buffer.byteLength(part) > 255) throw new ArchiveError("path-too-long", name);
  }
  return parts;
}

/** The same for all spellings that some file system takes for one: Unicode's two forms of accents, and case. */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase().normalize("NFC");
}

/**
 * The text of a page: by its byte order mark, its Content-Type, or what its first KiB says of itself (HTML standard
 * §13.2.3); else as UTF-8, or as the old west European default where it is none.
 */
export function decodePage(bytes: Uint8Array, contentType: string | null): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1024)).toString(
    "latin1",
  );
  const declared =
    markOf(bytes) ??
    /\bcharset\s*=\s*["']?([\w:-]+)/i.exec(contentType ?? "")?.[1] ??
    /<meta[^>]+charset\s*=\s*["']?\s*([\w:-]+)/i.exec(start)?.[1] ??
    /^<\?xml[^>]+encoding\s*=\s*["']([\w:-]+)/.exec(start)?.[1];
  const decoder = declared === undefined ? undefined : openDecoder(declared);
  if (decoder) return decoder.decode(bytes);
  try {
    // As a stream: the last character may be cut in two.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function markOf([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

/** Undefined for a name that is no encoding's. */
function openDecoder(label: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}

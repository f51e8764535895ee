/** RFC 6266: `inline` or `attachment` with the name, by RFC 8187 where it is not plain ASCII. */
export function contentDisposition(shown: boolean, name: string | null): string {
  const kind = shown ? "inline" : "attachment";
  if (name === null) return kind;
  if (/^[\x20-\x7e]*$/.test(name)) {
    return `${kind}; filename="${name.replaceAll(/[\\"]/g, "\\$&")}"`;
  }
  // RFC 8187 §3.2.1: what encodeURIComponent leaves and an attr-char is not.
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename*=utf-8''${encoded}`;
}

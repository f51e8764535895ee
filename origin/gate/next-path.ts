/** Longer addresses are not come back to. */
const longest = 4000;

/**
 * Where to go after a sign-in, out of whatever a link held: the one place that judges it (G4). Gives a path and query
 * of the same host, or `/` for everything else: another origin, `//host`, `/\host`, control characters and spaces that
 * URL parsers take away (`/<tab>/host`), also percent-encoded ones in the path, dot segments that uncover a `//`.
 * What it gives is as the URL parser wrote it, so that nothing in it can end a header field.
 */
export function nextPath(text: string | null | undefined): string {
  if (text === null || text === undefined || text.length > longest) return "/";
  // The URL parser forgives these, and readers disagree on them: an honest path has none.
  if (!text.startsWith("/") || /[\p{Cc}\p{Zl}\p{Zp}\s\\]/u.test(text)) return "/";
  const base = "https://this.invalid";
  const url = URL.parse(text, base);
  if (url === null || url.origin !== base || url.username !== "" || url.password !== "") return "/";
  const { pathname, search } = url;
  if (/^\/(?:\/|%2f)|%(?:[01][\da-f]|7f|5c)/i.test(pathname)) return "/";
  return `${pathname}${search}`;
}

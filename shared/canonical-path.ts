/** A path made comparable. */
export interface CanonicalPath {
  /** Unreserved octets decoded and nothing else (RFC 3986 §6.2.2.2): `%2F` and empty segments stay. */
  path: string;
  /** The part before the first `%00` or broken escape; the whole path where there is none. */
  soundPrefix: string;
}

/** Why a path is answered 400. */
export type PathRefusal = "dot-segment" | "backslash";

/**
 * Brings a raw path (without query) to the form in which routes are classified.
 *
 * Encoded dot segments and backslashes are refused: some reader behind us might resolve them to a path that we did not
 * judge. `%00` and broken escapes (`%zz`) are not: no reader resolves them to another path, clients do send them inside
 * identifiers, and what is signed and forwarded is never this form but the path as it came. So that they hide no route,
 * the classifier judges such a path by what stands before them too.
 */
export function canonicalisePath(raw: string): CanonicalPath | PathRefusal {
  if (raw.includes("\\") || /%5c/i.test(raw)) return "backslash";
  const path = raw.replace(/%([0-9a-fA-F]{2})/g, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
  });
  if (path.split(/\/|%2f/i).some((segment) => segment === "." || segment === "..")) return "dot-segment";
  const unsound = path.search(/%00|%(?![0-9a-fA-F]{2})/);
  return { path, soundPrefix: unsound === -1 ? path : path.slice(0, unsound) };
}

/**
 * The names in a dot-separated path, where `\.` and `\\` stand for a dot and a backslash within a name, and any other
 * backslash for itself (Appendices §Dot-separated property paths).
 *
 *     splitPropertyPath("content.m\\.mentions.room") → ["content", "m.mentions", "room"]
 */
export function splitPropertyPath(path: string): string[] {
  const names: string[] = [];
  let name = "";
  for (let at = 0; at < path.length; at++) {
    const character = path.charAt(at);
    const next = path.charAt(at + 1);
    if (character === "\\" && (next === "." || next === "\\")) {
      name += next;
      at++;
    } else if (character === ".") {
      names.push(name);
      name = "";
    } else {
      name += character;
    }
  }
  names.push(name);
  return names;
}

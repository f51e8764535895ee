import { parse, stringify, type TomlPrimitive } from "smol-toml";
import { flatten } from "./read-file.ts";

/** The file is written in a way that cannot be edited line by line. */
export class TomlEditError extends Error {
  override name = "TomlEditError";
}

/**
 * The text with one key set, comments and order kept: the key's own line is replaced, else it goes below its
 * commented-out example, else to its table's end. The result is read again and compared, so that a file written
 * in an unforeseen way is refused and never spoilt. Throws TomlEditError.
 */
export function setTomlKey(text: string, name: string, value: TomlPrimitive): string {
  const mark = name.lastIndexOf(".");
  const [table, key] = [name.slice(0, Math.max(mark, 0)), name.slice(mark + 1)];
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const written = stringify({ [key]: value }).trimEnd();

  let { start, end } = findTable(lines, table);
  if (start === -1) {
    lines.push("", `[${table}]`);
    start = end = lines.length;
  }
  const own = findLine(lines, start, end, new RegExp(`^\\s*${key}\\s*=`));
  const example = findLine(lines, start, end, new RegExp(`^\\s*#\\s*${key}\\s*=`));
  if (own !== -1) lines[own] = written;
  else if (example !== -1) lines.splice(example + 1, 0, written);
  else lines.splice(lastFilled(lines, start, end), 0, written);

  const result = `${lines.join("\n")}\n`;
  if (!differOnlyIn(name, value, text, result)) {
    throw new TomlEditError(`${name} is written in a way that only a person can change. Edit the file.`);
  }
  return result;
}

/** The lines of a table, `end` excluded; the top of the file for the empty name. */
function findTable(lines: readonly string[], table: string): { start: number; end: number } {
  const header = (line: string) => /^\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?$/.exec(line)?.[1];
  const start = table === "" ? 0 : lines.findIndex((line) => header(line) === table) + 1;
  if (table !== "" && start === 0) return { start: -1, end: -1 };
  const next = lines.findIndex((line, index) => index >= start && /^\s*\[/.test(line));
  return { start, end: next === -1 ? lines.length : next };
}

function findLine(lines: readonly string[], start: number, end: number, pattern: RegExp): number {
  return lines.findIndex((line, index) => index >= start && index < end && pattern.test(line));
}

/** Below the last line of the table that is not empty. */
function lastFilled(lines: readonly string[], start: number, end: number): number {
  let at = end;
  while (at > start && lines[at - 1]?.trim() === "") at -= 1;
  return at;
}

function differOnlyIn(name: string, value: TomlPrimitive, before: string, after: string): boolean {
  try {
    const expected = flatten(parse(before)).set(name, value);
    const found = flatten(parse(after));
    const sorted = (values: Map<string, unknown>) =>
      JSON.stringify([...values].toSorted(([a], [b]) => a.localeCompare(b, "en")));
    return sorted(expected) === sorted(found);
  } catch {
    return false;
  }
}

import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";

/** What burrow.toml says, flat: `{"matrix.max_upload_size": 1000}`. No file says nothing. */
export function readFile(path: string): { values: Map<string, unknown>; problem?: string } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { values: new Map() };
    return { values: new Map(), problem: `${path} cannot be read: ${(error as Error).message}` };
  }
  try {
    return { values: flatten(parse(text)) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split("\n", 1)[0];
    return { values: new Map(), problem: `${path}, line ${error.line}: ${what}` };
  }
}

/** `{"matrix.max_upload_size": 1000}` of nested tables. */
export function flatten(table: object, prefix = "", into = new Map<string, unknown>()): Map<string, unknown> {
  for (const [name, value] of Object.entries(table)) {
    const isTable =
      typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (isTable) flatten(value as object, `${prefix}${name}.`, into);
    else into.set(prefix + name, value);
  }
  return into;
}

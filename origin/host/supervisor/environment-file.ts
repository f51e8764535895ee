import { readTrustedFile, ServicesFileError } from "./trusted-file.ts";

/**
 * The named values of a file of `NAME=value` lines, and no others (H2). The file holds secrets: it must be 0600.
 * `say` hears what is wrong, never a value.
 */
export function takeFromFile(
  path: string,
  names: readonly string[],
  dataDir: string,
  say: (problem: string) => void,
): Record<string, string> {
  let text: string | undefined;
  try {
    text = readTrustedFile(path, { dataDir, secret: true });
  } catch (error) {
    if (!(error instanceof ServicesFileError)) throw error;
    say(error.message);
    return {};
  }
  if (text === undefined) {
    say(`there is no file ${path}.`);
    return {};
  }
  const values = new Map<string, string>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    if (at < 1) say(`${path}, line ${index + 1} is not NAME=value.`);
    else values.set(line.slice(0, at).trimEnd(), unquote(line.slice(at + 1).trimStart()));
  }
  const missing = names.filter((name) => !values.has(name));
  if (missing.length > 0) say(`${path} does not have ${missing.join(" and ")}.`);
  return Object.fromEntries(
    names.flatMap((name) => (values.has(name) ? [[name, values.get(name) ?? ""]] : [])),
  );
}

function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}

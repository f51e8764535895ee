import { SettingError } from "./setting-error.ts";

/** A list of texts; where only a text can be given (the environment), its words. */
export function readWords(value: unknown): readonly string[] {
  const words = typeof value === "string" ? value.split(/[\s,]+/).filter((word) => word !== "") : value;
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string"))
    throw new SettingError('must be a list of texts, such as ["one", "two"]');
  return Object.freeze([...new Set(words)]);
}

/**
 * The tables of `[[section.name]]`, each with just these keys.
 *
 * @throws SettingError naming the table by its number.
 */
export function readTables<const Key extends string>(
  value: unknown,
  name: string,
  keys: readonly Key[],
): Partial<Record<Key, unknown>>[] {
  if (!Array.isArray(value)) throw new SettingError(`must be written as tables [[${name}]] in burrow.toml`);
  return value.map((table: unknown, index) => {
    if (typeof table !== "object" || table === null || Array.isArray(table))
      throw new SettingError(`must be written as tables [[${name}]]`);
    const unknown = Object.keys(table).find((key) => !keys.some((known) => known === key));
    if (unknown !== undefined)
      throw new SettingError(
        `has the key ${unknown} in table ${index + 1}, which is not known; there are ${keys.join(", ")}`,
      );
    return table;
  });
}

import { badJson } from "../matrix-error.ts";

/**
 * Nothing in Matrix nests deeper than a few dozen levels; without a bound a 64 KiB body of brackets would overflow
 * the stack of every recursive reader behind this one.
 */
export const maximumDepth = 256;

/**
 * The one encoding of a JSON value that hashes are taken over (specification, Appendices §Canonical JSON).
 * Throws M_BAD_JSON for what has none: fractions, integers beyond ±(2^53 - 1), lone surrogates, undefined.
 *
 *     canonicalJson({ b: 2, a: "é" }) === '{"a":"é","b":2}'
 */
export function canonicalJson(value: unknown): string {
  // JSON.stringify enumerates keys as Object.keys does, so where those are in order its answer is already canonical.
  return checkAndCompareOrder(value, 0) ? JSON.stringify(value) : writeSorted(value);
}

/** Throws where the value has no canonical form; answers whether every object's keys already stand in order. */
function checkAndCompareOrder(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed())
        throw badJson("Text must be valid Unicode: it has half of a surrogate pair.");
      return true;
    case "number":
      if (!Number.isSafeInteger(value)) {
        throw badJson("Numbers must be integers between -(2^53 - 1) and 2^53 - 1; write others as strings.");
      }
      return true;
    case "boolean":
      return true;
    case "object":
      break;
    default:
      throw badJson("Only JSON values can stand in an event.");
  }
  if (value === null) return true;
  if (depth >= maximumDepth) throw badJson(`Values may nest at most ${maximumDepth} levels deep.`);
  let ordered = true;
  if (Array.isArray(value)) {
    for (const item of value) if (!checkAndCompareOrder(item, depth + 1)) ordered = false;
    return ordered;
  }
  const members = value as Record<string, unknown>;
  let previous: string | undefined;
  for (const key of Object.keys(members)) {
    if (!key.isWellFormed()) throw badJson("Keys must be valid Unicode: one has half of a surrogate pair.");
    if (previous !== undefined && compareCodePoints(previous, key) > 0) ordered = false;
    previous = key;
    if (!checkAndCompareOrder(members[key], depth + 1)) ordered = false;
  }
  return ordered;
}

// Text is put together by hand here, because an object cannot hold keys such as "10" and "9" in any order but its own.
function writeSorted(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeSorted).join(",")}]`;
  const members = value as Record<string, unknown>;
  let text = "";
  for (const key of Object.keys(members).toSorted(compareCodePoints)) {
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${writeSorted(members[key])}`;
  }
  return `{${text}}`;
}

/**
 * Order by code point. The units of JavaScript's strings order alike except that a surrogate half, which stands for a
 * code point above U+FFFF, is a smaller unit than U+E000 to U+FFFF.
 */
function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    let a = left.charCodeAt(at);
    let b = right.charCodeAt(at);
    if (a === b) continue;
    if (a >= 0xd800 && b >= 0xd800) {
      a = a >= 0xe000 ? a - 0x800 : a + 0x2000;
      b = b >= 0xe000 ? b - 0x800 : b + 0x2000;
    }
    return a - b;
  }
  return left.length - right.length;
}

import type { Json, JsonObject } from "../events/event.ts";
import { badJson, invalidParam, missingParam } from "../matrix-error.ts";

/**
 * Readers of one key of a JSON body. A key that is absent or null is absent; one of another type is refused with
 * 400 M_BAD_JSON, one that must be there and is not with 400 M_MISSING_PARAM. Both name the key.
 */
export function requireString(body: JsonObject, key: string): string {
  return present(key, optionalString(body, key));
}

export function optionalString(body: JsonObject, key: string): string | undefined {
  const value = own(body, key);
  if (value === undefined || typeof value === "string") return value;
  throw badJson(`${key} must be a string.`);
}

export function requireObject(body: JsonObject, key: string): JsonObject {
  return present(key, optionalObject(body, key));
}

export function optionalObject(body: JsonObject, key: string): JsonObject | undefined {
  const value = own(body, key);
  if (value === undefined || isObject(value)) return value;
  throw badJson(`${key} must be an object.`);
}

export function requireArray(body: JsonObject, key: string): Json[] {
  return present(key, optionalArray(body, key));
}

export function optionalArray(body: JsonObject, key: string): Json[] | undefined {
  const value = own(body, key);
  if (value === undefined || Array.isArray(value)) return value;
  throw badJson(`${key} must be a list.`);
}

/** A list of strings only. */
export function optionalStrings(body: JsonObject, key: string): string[] | undefined {
  const list = optionalArray(body, key);
  if (list?.some((item) => typeof item !== "string")) throw badJson(`${key} must be a list of strings.`);
  return list as string[] | undefined;
}

/** Whole numbers within ±(2^53 - 1). */
export function optionalInteger(body: JsonObject, key: string): number | undefined {
  const value = own(body, key);
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw badJson(`${key} must be an integer.`);
}

export function optionalBoolean(body: JsonObject, key: string): boolean | undefined {
  const value = own(body, key);
  if (value === undefined || typeof value === "boolean") return value;
  throw badJson(`${key} must be true or false.`);
}

/**
 * A query parameter that counts something: a whole number from 0, cut at `most`; `fallback` when absent.
 * 400 M_INVALID_PARAM otherwise.
 */
export function queryCount(query: URLSearchParams, key: string, fallback: number, most: number): number {
  const text = query.get(key);
  if (text === null || text === "") return fallback;
  if (!/^\d{1,15}$/.test(text)) throw invalidParam(`${key} must be a whole number, 0 or more.`);
  return Math.min(Number(text), most);
}

/** A query parameter that is `true` or `false`, the latter when absent. 400 M_INVALID_PARAM otherwise. */
export function queryFlag(query: URLSearchParams, key: string): boolean {
  const text = query.get(key);
  if (text === null || text === "" || text === "false") return false;
  if (text === "true") return true;
  throw invalidParam(`${key} must be true or false.`);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Only the body's own keys: `constructor` must not find Object's. */
function own(body: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(body, key) ? (body[key] ?? undefined) : undefined;
}

function present<T>(key: string, value: T | undefined): T {
  if (value === undefined) throw missingParam(`${key} is missing.`);
  return value;
}

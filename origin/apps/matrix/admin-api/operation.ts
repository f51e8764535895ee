import { invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";

/** One operation of the owner's API. `path` continues `/_burrow/admin/v1`. */
export interface OwnersOperation {
  readonly method: Route["method"];
  readonly path: string;
  /** Whatever its scopes, no API key may do it (G5). */
  readonly noKey?: true;
  readonly handle: (call: Call) => Promise<Answer> | Answer;
}

/** In one answer. */
export const largestPage = 200;
export const usualPage = 50;

/** One of the words; the first when the parameter is absent. */
export function queryWord<const Word extends string>(call: Call, key: string, ...words: Word[]): Word {
  const text = call.query.get(key) ?? "";
  const found = text === "" ? words[0] : words.find((word) => word === text);
  if (found === undefined) throw invalidParam(`${key} must be one of: ${words.join(", ")}.`);
  return found;
}

/** A number in the path. */
export function idOf(call: Call): number {
  const text = call.params["id"] ?? "";
  if (!/^[1-9]\d{0,14}$/.test(text)) throw invalidParam("An id is a whole number, 1 or more.");
  return Number(text);
}

export const isoTime = (time: number | null): string | null =>
  time === null ? null : new Date(time).toISOString();

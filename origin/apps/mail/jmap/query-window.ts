import { invalid, isObject } from "./arguments.ts";
import { MethodError } from "./jmap-error.ts";
import type { Call } from "./method.ts";

/** Which part of a query's results is asked for (RFC 8620 §5.5). */
export interface Window {
  readonly position: number;
  readonly anchor: string | undefined;
  readonly anchorOffset: number;
  readonly limit: number | undefined;
  readonly calculateTotal: boolean;
}

/** More than that is not given at once. */
const mostIds = 5000;

export function readWindow(call: Call): Window {
  const { args } = call;
  return {
    position: args.optionalInteger("position") ?? 0,
    anchor: args.optionalText("anchor"),
    anchorOffset: args.optionalInteger("anchorOffset") ?? 0,
    limit: args.optionalInteger("limit", 0),
    calculateTotal: args.flag("calculateTotal"),
  };
}

/** The ids of the window, with what the response says of it. Throws anchorNotFound. */
export function cutWindow(
  all: readonly string[],
  window: Window,
): { position: number; ids: string[]; total?: number; limit?: number } {
  const { anchor, anchorOffset, limit } = window;
  let start = window.position;
  if (anchor !== undefined) {
    const at = all.indexOf(anchor);
    if (at < 0) throw new MethodError("anchorNotFound", "The anchor is not among the results.");
    start = Math.max(0, at + anchorOffset);
  } else if (start < 0) start = Math.max(0, all.length + start);
  const most = Math.min(limit ?? mostIds, mostIds);
  const ids = all.slice(start, start + most);
  return {
    position: ids.length === 0 && start >= all.length ? (all.length === 0 ? 0 : start) : start,
    ids,
    ...(window.calculateTotal && { total: all.length }),
    // RFC 8620 §5.5: said where it is not what was asked for.
    ...(limit === undefined ? { limit: mostIds } : limit > mostIds && { limit: mostIds }),
  };
}

const mostComparators = 20;

/** What a query asks for besides its window, as a text: two that are the same have the same results. */
export function readSort(call: Call): { property: string; isAscending: boolean; keyword?: string }[] {
  const comparators = call.args.optionalList("sort") ?? [];
  if (comparators.length > mostComparators)
    throw new MethodError("unsupportedSort", `At most ${mostComparators} comparators.`);
  return comparators.map((comparator) => {
    const { property, isAscending = true, keyword, collation } = isObject(comparator) ? comparator : {};
    if (typeof property !== "string" || typeof isAscending !== "boolean")
      throw invalid("sort", "must be a list of comparators, each with a property");
    if (collation !== undefined && !collations.some((known) => known === collation))
      throw new MethodError("unsupportedSort", "That collation is not known here.");
    return { property, isAscending, ...(typeof keyword === "string" && { keyword }) };
  });
}

/** RFC 8620 §2, collationAlgorithms. */
export const collations: readonly string[] = ["i;ascii-casemap", "i;unicode-casemap"];

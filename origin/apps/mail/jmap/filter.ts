import { invalid, isObject } from "./arguments.ts";
import { MethodError } from "./jmap-error.ts";
import type { Call } from "./method.ts";

/** A filter (RFC 8620 §5.5): conditions under operators. */
export type Filter<Condition> =
  | { readonly operator: "AND" | "OR" | "NOT"; readonly conditions: readonly Filter<Condition>[] }
  | { readonly condition: Condition };

/** Conditions of one filter, and operators within one another. */
const mostConditions = 500;
const deepest = 20;

/** Reads it; undefined: everything. Throws invalidArguments, or what `readCondition` throws. */
export function readFilter<Condition>(
  call: Call,
  readCondition: (condition: Record<string, unknown>) => Condition,
): Filter<Condition> | undefined {
  const given = call.args.optionalObject("filter");
  if (given === undefined) return undefined;
  let count = 0;
  const read = (filter: unknown, depth: number): Filter<Condition> => {
    count += 1;
    if (!isObject(filter)) throw invalid("filter", "must be made of objects");
    if (count > mostConditions || depth > deepest)
      throw new MethodError("unsupportedFilter", "The filter is too large.");
    const { operator, conditions } = filter;
    if (operator === undefined) return { condition: readCondition(filter) };
    if (operator !== "AND" && operator !== "OR" && operator !== "NOT")
      throw invalid("filter", "has an operator that is none of AND, OR and NOT");
    if (!Array.isArray(conditions)) throw invalid("filter", "has an operator without conditions");
    return { operator, conditions: conditions.map((entry) => read(entry, depth + 1)) };
  };
  return read(given, 1);
}

/** Whether an object passes; NOT is: none of its conditions. */
export function passes<Condition>(
  filter: Filter<Condition> | undefined,
  test: (condition: Condition) => boolean,
): boolean {
  if (filter === undefined) return true;
  if ("condition" in filter) return test(filter.condition);
  const { operator, conditions } = filter;
  if (operator === "AND") return conditions.every((entry) => passes(entry, test));
  const isAny = conditions.some((entry) => passes(entry, test));
  return operator === "OR" ? isAny : !isAny;
}

import { isObject } from "./arguments.ts";
import { MethodError } from "./jmap-error.ts";

/** One response of this request: name, arguments, the call's id. */
export type Invocation = [name: string, args: Record<string, unknown>, callId: string];

/** Values that one reference may give: a `*` over a long list multiplies. */
const mostValues = 100_000;

/**
 * The arguments with each `#name` replaced by what an earlier response had (RFC 8620 §3.7). Throws MethodError
 * invalidResultReference, or invalidArguments where an argument is given both ways.
 */
export function resolveReferences(
  args: Record<string, unknown>,
  responses: readonly Invocation[],
): Record<string, unknown> {
  const resolved: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith("#")) {
      resolved[name] = value;
      continue;
    }
    const plain = name.slice(1);
    if (Object.hasOwn(args, plain))
      throw new MethodError("invalidArguments", `${plain} is given both by value and by reference.`);
    resolved[plain] = resolve(value, responses);
  }
  return resolved;
}

function resolve(reference: unknown, responses: readonly Invocation[]): unknown {
  if (!isObject(reference)) throw unresolved("A reference must be an object.");
  const { resultOf, name, path } = reference;
  if (typeof path !== "string") throw unresolved("A reference needs a path.");
  const response = responses.find(([, , id]) => id === resultOf);
  if (!response || response[0] !== name) throw unresolved("There is no such response before this call.");
  if (path !== "" && !path.startsWith("/")) throw unresolved("The path must begin with a slash.");
  const steps = path
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return follow(response[1], steps);
}

function follow(value: unknown, steps: readonly string[]): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (Array.isArray(value)) {
    if (step === "*") {
      // Lists of lists are made one (RFC 8620 §3.7).
      const found = value.flatMap((entry) => follow(entry, rest));
      if (found.length > mostValues) throw unresolved("The reference gives too many values.");
      return found;
    }
    const index = /^(?:0|[1-9]\d{0,9})$/.test(step) ? Number(step) : -1;
    if (index < 0 || index >= value.length) throw unresolved("The path leads nowhere.");
    return follow(value[index], rest);
  }
  if (!isObject(value) || !Object.hasOwn(value, step)) throw unresolved("The path leads nowhere.");
  return follow(value[step], rest);
}

const unresolved = (description: string): MethodError =>
  new MethodError("invalidResultReference", description);

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { parse } from "yaml";

/** The client-server operations and event schemas of a folder with the specification's data. */
export interface Specification {
  /** Every operation, as `GET /_matrix/client/v3/sync` with `{name}` for parameters. */
  readonly operations: ReadonlySet<string>;
  /** What is wrong with an answer by the operation's schema for that status; empty when nothing is. */
  checkAnswer(operation: string, status: number, body: unknown): string[];
  /** What is wrong with an event by its type's schema, of a kind without one by the form of every event. */
  checkEvent(event: { readonly type: string; readonly content: unknown }): string[];
}

/** A part of a schema, and the file that its references are relative to. */
interface Schema {
  readonly file: string;
  readonly node: Record<string, unknown>;
}

/** Reads a folder laid out as the specification's own `data`: `api/client-server`, `event-schemas/schema`. */
export function openSpecification(folder: string): Specification {
  const documents = new Map<string, Record<string, unknown>>();

  function load(file: string): Record<string, unknown> {
    let document = documents.get(file);
    if (!document) documents.set(file, (document = parse(readFileSync(file, "utf8"))));
    return document!;
  }

  function follow(reference: string, from: string): Schema {
    const [path = "", pointer = ""] = reference.split("#", 2);
    const file = path === "" ? from : resolve(dirname(from), path);
    let node: unknown = load(file);
    for (const name of pointer.split("/").filter(Boolean)) node = (node as Record<string, unknown>)[name];
    if (!isRecord(node)) throw new Error(`${reference} in ${from} leads nowhere.`);
    return { file, node };
  }

  const operations = readOperations(join(folder, "api", "client-server"), load);
  const events = join(folder, "event-schemas", "schema");
  const eventTypes = new Set(readdirSync(events));
  return {
    operations: new Set(operations.keys()),
    checkAnswer(operation, status, body) {
      const found = operations.get(operation);
      if (!found) return [`${operation} is not in the specification`];
      const responses = found.node["responses"] as Record<string, unknown>;
      let response = responses[String(status)];
      if (!isRecord(response))
        return [`${operation} answers ${Object.keys(responses).join()}, not ${status}`];
      let { file } = found;
      if (typeof response["$ref"] === "string") ({ file, node: response } = follow(response["$ref"], file));
      const content = (response as Record<string, Record<string, Record<string, unknown>>>)["content"];
      const node = content?.["application/json"]?.["schema"];
      return isRecord(node) ? [...complaints({ file, node }, body, "body", follow)] : [];
    },
    checkEvent(event) {
      const name = eventTypes.has(`${event.type}.yaml`)
        ? `${event.type}.yaml`
        : "core-event-schema/event.yaml";
      const file = join(events, name);
      return [...complaints({ file, node: load(file) }, event, event.type, follow)];
    },
  };
}

function readOperations(
  folder: string,
  load: (file: string) => Record<string, unknown>,
): Map<string, Schema> {
  const operations = new Map<string, Schema>();
  for (const name of readdirSync(folder).filter((entry) => entry.endsWith(".yaml"))) {
    const file = join(folder, name);
    const document = load(file) as {
      servers?: { variables?: { basePath?: { default?: string } } }[];
      paths?: Record<string, Record<string, Record<string, unknown>>>;
    };
    const base = document.servers?.[0]?.variables?.basePath?.default ?? "";
    for (const [path, methods] of Object.entries(document.paths ?? {})) {
      for (const [method, node] of Object.entries(methods)) {
        operations.set(`${method.toUpperCase()} ${base}${path}`, { file, node });
      }
    }
  }
  return operations;
}

type Follow = (reference: string, from: string) => Schema;

/** Words of JSON Schema that say nothing about which values are right. */
const annotations = new Set([
  "$schema",
  "default",
  "deprecated",
  "description",
  "example",
  "examples",
  "format",
  "title",
  "x-addedInMatrixVersion",
  "x-changedInMatrixVersion",
  "x-pattern-format",
  "x-weight",
]);

/** The part of JSON Schema that the specification uses. An unknown word is an error: it would check nothing. */
function* complaints({ file, node }: Schema, value: unknown, at: string, follow: Follow): Generator<string> {
  const within = (child: unknown): Schema => ({ file, node: child as Record<string, unknown> });
  for (const [word, rule] of Object.entries(node)) {
    if (annotations.has(word)) continue;
    switch (word) {
      case "$ref":
        yield* complaints(follow(rule as string, file), value, at, follow);
        break;
      case "type": {
        const types = Array.isArray(rule) ? rule : [rule];
        if (!types.some((type) => isOfType(value, type)))
          yield `${at} is no ${types.join(" or ")}: ${brief(value)}`;
        break;
      }
      case "enum":
        if (!(rule as unknown[]).includes(value)) yield `${at} is none of ${brief(rule)}: ${brief(value)}`;
        break;
      case "pattern":
        if (typeof value === "string" && !new RegExp(rule as string, "u").test(value)) {
          yield `${at} does not match ${rule as string}: ${value}`;
        }
        break;
      case "maxLength":
        if (typeof value === "string" && value.length > (rule as number)) yield `${at} is too long`;
        break;
      case "required":
        for (const key of isRecord(value) ? (rule as string[]) : []) {
          if (!Object.hasOwn(value as object, key)) yield `${at} lacks ${key}`;
        }
        break;
      case "minProperties":
        if (isRecord(value) && Object.keys(value).length < (rule as number)) yield `${at} has too few keys`;
        break;
      case "maxProperties":
        if (isRecord(value) && Object.keys(value).length > (rule as number)) yield `${at} has too many keys`;
        break;
      case "properties":
        for (const [key, child] of Object.entries(rule as object)) {
          if (isRecord(value) && Object.hasOwn(value, key)) {
            yield* complaints(within(child), value[key], `${at}.${key}`, follow);
          }
        }
        break;
      case "patternProperties":
        for (const [pattern, child] of Object.entries(rule as object)) {
          for (const [key, member] of Object.entries(isRecord(value) ? value : {})) {
            if (new RegExp(pattern, "u").test(key))
              yield* complaints(within(child), member, `${at}.${key}`, follow);
          }
        }
        break;
      case "additionalProperties":
        for (const key of othersOf(node, value)) {
          const member = (value as Record<string, unknown>)[key];
          if (rule === false) yield `${at} has ${key}, which is not foreseen`;
          else if (isRecord(rule)) yield* complaints(within(rule), member, `${at}.${key}`, follow);
        }
        break;
      case "propertyNames":
        for (const key of Object.keys(isRecord(value) ? value : {})) {
          yield* complaints(within(rule), key, `a key of ${at}`, follow);
        }
        break;
      case "items":
        for (const [index, item] of (Array.isArray(value) ? value : []).entries()) {
          yield* complaints(within(rule), item, `${at}[${index}]`, follow);
        }
        break;
      case "allOf":
        for (const part of rule as unknown[]) yield* complaints(within(part), value, at, follow);
        break;
      case "anyOf":
      case "oneOf": {
        const outcomes = (rule as unknown[]).map((part) => [...complaints(within(part), value, at, follow)]);
        const fitting = outcomes.filter((found) => found.length === 0).length;
        if (fitting === 0 || (word === "oneOf" && fitting > 1)) {
          yield `${at} fits ${fitting} of the alternatives: ${outcomes.flat().join("; ")}`;
        }
        break;
      }
      default:
        throw new Error(`${file} uses ${word}, which this validator does not know.`);
    }
  }
}

/** The keys of the value that neither `properties` nor `patternProperties` name. */
function othersOf(node: Record<string, unknown>, value: unknown): string[] {
  const named = new Set(Object.keys((node["properties"] as object | undefined) ?? {}));
  const patterns = Object.keys((node["patternProperties"] as object | undefined) ?? {});
  return Object.keys(isRecord(value) ? value : {}).filter(
    (key) => !named.has(key) && !patterns.some((pattern) => new RegExp(pattern, "u").test(key)),
  );
}

function isOfType(value: unknown, type: unknown): boolean {
  switch (type) {
    case "object":
      return isRecord(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const brief = (value: unknown): string => JSON.stringify(value)?.slice(0, 120) ?? "nothing";

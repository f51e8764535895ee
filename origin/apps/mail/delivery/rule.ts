/** What a member wants done with what arrives. */
export interface Rule {
  readonly name: string;
  /** Whether every condition has to hold, or one. */
  readonly match: "all" | "any";
  /** At least one. */
  readonly conditions: readonly Condition[];
  readonly actions: RuleActions;
}

export type Condition = TextCondition | FlagCondition;

export interface TextCondition {
  /** `to`: To, Cc, and the address by which it came. */
  readonly field: "from" | "to" | "subject" | "list-id";
  readonly test: "contains" | "is";
  readonly value: string;
}

export interface FlagCondition {
  readonly field: "attachment" | "spam";
  readonly value: boolean;
}

export const isFlagCondition = (condition: Condition): condition is FlagCondition =>
  condition.field === "attachment" || condition.field === "spam";

export interface RuleActions {
  /** A mailbox of the member's, in place of the Inbox. One that is gone stands for the Inbox. */
  readonly fileInto?: number;
  readonly markRead?: true;
  readonly flag?: true;
  /** To the Trash. */
  readonly trash?: true;
  /** No rule after this one. */
  readonly stop?: true;
}

export const ruleLimits = { rules: 100, conditions: 20, characters: 500 };

/** What is wrong with rules that somebody has given, in words for people. */
export class RuleError extends Error {
  override name = "RuleError";
}

const textFields = new Set(["from", "to", "subject", "list-id"]);
const flags = ["markRead", "flag", "trash", "stop"] as const;

/** Reads rules from what a form or a program has sent. Throws RuleError. */
export function readRules(given: unknown, isMailbox: (id: number) => boolean): Rule[] {
  if (!Array.isArray(given)) throw new RuleError("Rules are a list.");
  if (given.length > ruleLimits.rules)
    throw new RuleError(`At most ${ruleLimits.rules} rules are kept. Put some together.`);
  return given.map((rule, index) => readRule(rule, index + 1, isMailbox));
}

function readRule(given: unknown, number: number, isMailbox: (id: number) => boolean): Rule {
  const fail = (why: string): RuleError => new RuleError(`Rule ${number}: ${why}`);
  const rule = asObject(given, ["name", "match", "conditions", "actions"]);
  if (!rule) throw fail("it has a name, match, conditions and actions, and nothing else.");
  const { name, match, conditions } = rule;
  if (typeof name !== "string" || name.length > ruleLimits.characters)
    throw fail("its name is no short text.");
  if (match !== "all" && match !== "any") throw fail('match is "all" or "any".');
  if (!Array.isArray(conditions) || conditions.length === 0)
    throw fail("without a condition it would be for every message. Add one.");
  if (conditions.length > ruleLimits.conditions) throw fail(`at most ${ruleLimits.conditions} conditions.`);
  const actions = asObject(rule["actions"], ["fileInto", ...flags]);
  if (!actions || Object.keys(actions).length === 0) throw fail("it does nothing. Choose what it should do.");
  for (const flag of flags)
    if (actions[flag] !== undefined && actions[flag] !== true) throw fail(`${flag} is true, or left out.`);
  const { fileInto } = actions;
  if (fileInto !== undefined && !(typeof fileInto === "number" && isMailbox(fileInto)))
    throw fail("there is no such mailbox. Choose another one.");
  const read = conditions.map((condition) => {
    const found = readCondition(condition);
    if (!found) throw fail("one of its conditions cannot be read.");
    return found;
  });
  return { name, match, conditions: read, actions };
}

function readCondition(given: unknown): Condition | undefined {
  const flag = asObject(given, ["field", "value"]);
  if (flag && (flag["field"] === "attachment" || flag["field"] === "spam"))
    return typeof flag["value"] === "boolean" ? (flag as unknown as Condition) : undefined;
  const text = asObject(given, ["field", "test", "value"]);
  if (!text || !textFields.has(String(text["field"]))) return undefined;
  const { test, value } = text;
  if (test !== "contains" && test !== "is") return undefined;
  if (typeof value !== "string" || value.trim() === "" || value.length > ruleLimits.characters)
    return undefined;
  return text as unknown as Condition;
}

function asObject(given: unknown, names: readonly string[]): Record<string, unknown> | undefined {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  return Object.keys(given).every((name) => names.includes(name))
    ? (given as Record<string, unknown>)
    : undefined;
}

import type { Json } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import { badJson, invalidParam, MatrixError, missingParam, notFound } from "../matrix-error.ts";
import { defaultRules, kindOfDefaultRule, masterRuleId, threadRuleIds } from "./default-rules.ts";
import {
  type PushAction,
  type PushCondition,
  type PushRule,
  type PushRuleKind,
  pushRuleKinds,
  type PushRuleSet,
} from "./push-rule.ts";

/** What a member has changed about their push rules: what is kept of them, as JSON. Never changed in place. */
export interface PushRuleChoices {
  /** The member's own rules, the most important first. */
  readonly rules: Readonly<Partial<Record<PushRuleKind, readonly OwnRule[]>>>;
  /** What they changed about predefined rules, by rule id. */
  readonly defaults: Readonly<Record<string, DefaultChoice>>;
}

type OwnRule = Omit<PushRule, "default">;
type DefaultChoice = Pick<Partial<PushRule>, "enabled" | "actions">;

export const noChoices: PushRuleChoices = { rules: {}, defaults: {} };

// Every rule costs time for each event in the member's rooms.
const maximumRules = 500;
const maximumPatternLength = 1000;
const maximumConditions = 50;
const maximumActions = 20;
// What a rule sets stands in the row of each event that it makes notify.
const maximumActionsLength = 2000;

/** All of a member's rules as they stand, each kind in the order in which its rules are tried. */
export function effectiveRules(choices: PushRuleChoices, userId: string): PushRuleSet {
  const predefined = defaultRules(userId);
  const merge = (kind: PushRuleKind): PushRule[] => {
    const own = (choices.rules[kind] ?? []).map((rule) => ({ ...rule, default: false }));
    const defaults = predefined[kind].map((rule) => ({ ...rule, ...choices.defaults[rule.rule_id] }));
    const master = defaults[0]?.rule_id === masterRuleId ? defaults.splice(0, 1) : [];
    return [...master, ...own, ...defaults];
  };
  return {
    override: merge("override"),
    content: merge("content"),
    postcontent: merge("postcontent"),
    room: merge("room"),
    sender: merge("sender"),
    underride: merge("underride"),
  };
}

/**
 * What a member has chosen for a room, chosen also for the one that takes its place: the rules named after it, and those
 * that ask for it. Gives the same object where there is nothing to carry over, or no room for more rules.
 */
export function carryRulesOver(choices: PushRuleChoices, from: string, to: string): PushRuleChoices {
  let carried = choices;
  for (const kind of pushRuleKinds) {
    const rules = choices.rules[kind] ?? [];
    const chosen = rules.find((rule) => rule.rule_id === from) ?? rules.find((rule) => asksFor(rule, from));
    if (!chosen || rules.some((rule) => rule.rule_id === to)) continue;
    if (countRules(carried) >= maximumRules) break;
    const copy: OwnRule = {
      ...chosen,
      rule_id: to,
      ...(chosen.conditions && {
        conditions: chosen.conditions.map((condition) =>
          isRoom(condition, from) ? { ...condition, pattern: to } : condition,
        ),
      }),
    };
    carried = withRules(carried, kind, rules.toSpliced(rules.indexOf(chosen), 0, copy));
  }
  return carried;
}

const asksFor = (rule: OwnRule, roomId: string): boolean =>
  rule.conditions?.some((condition) => isRoom(condition, roomId)) ?? false;

const isRoom = (condition: PushCondition, roomId: string): boolean =>
  condition.kind === "event_match" && condition["key"] === "room_id" && condition["pattern"] === roomId;

/** Throws M_INVALID_PARAM for a kind that the specification does not know. */
export function parseKind(kind: string): PushRuleKind {
  const found = pushRuleKinds.find((known) => known === kind);
  if (found === undefined)
    throw invalidParam(`The kind of a push rule is one of ${pushRuleKinds.join(", ")}.`);
  return found;
}

/** Throws M_NOT_FOUND. */
export function findRule(rules: PushRuleSet, kind: PushRuleKind, ruleId: string): PushRule {
  const found = rules[kind].find((rule) => rule.rule_id === ruleId);
  if (found === undefined) throw ruleNotFound();
  return found;
}

/** Where a rule is put among the member's own of its kind. `before` wins where both are given. */
export interface Placement {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/**
 * `PUT /pushrules/global/{kind}/{ruleId}`: adds the rule, on top unless placed, or changes it where it stands.
 * `body` is the request's, still unchecked. Throws 400 with the reason.
 */
export function putRule(
  choices: PushRuleChoices,
  kind: PushRuleKind,
  ruleId: string,
  body: Readonly<Record<string, unknown>>,
  placement: Placement = {},
): PushRuleChoices {
  checkRuleId(ruleId);
  const rules = [...(choices.rules[kind] ?? [])];
  const old = rules.findIndex((rule) => rule.rule_id === ruleId);
  const rule: OwnRule = {
    rule_id: ruleId,
    enabled: rules[old]?.enabled ?? true,
    actions: parseActions(body["actions"]),
    ...((kind === "override" || kind === "postcontent" || kind === "underride") && {
      conditions: parseConditions(body["conditions"]),
    }),
    ...(kind === "content" && { pattern: parsePattern(body["pattern"]) }),
  };
  if (old === -1 && countRules(choices) >= maximumRules) {
    throw new MatrixError(400, "M_LIMIT_EXCEEDED", `You have ${maximumRules} push rules: remove one first.`);
  }
  const neighbour = placement.before ?? placement.after;
  if (neighbour === undefined) {
    if (old === -1) rules.unshift(rule);
    else rules[old] = rule;
  } else {
    if (old !== -1) rules.splice(old, 1);
    const at = rules.findIndex((other) => other.rule_id === neighbour);
    if (at === -1) throw new MatrixError(400, "M_UNKNOWN", `before/after rule not found: ${neighbour}`);
    rules.splice(placement.before === undefined ? at + 1 : at, 0, rule);
  }
  return withRules(choices, kind, rules);
}

/** Throws M_NOT_FOUND; predefined rules cannot be deleted, only disabled. */
export function deleteRule(choices: PushRuleChoices, kind: PushRuleKind, ruleId: string): PushRuleChoices {
  const rules = choices.rules[kind] ?? [];
  const kept = rules.filter((rule) => rule.rule_id !== ruleId);
  if (kept.length < rules.length) return withRules(choices, kind, kept);
  if (kindOfDefaultRule.get(ruleId) === kind) {
    throw invalidParam("Predefined push rules cannot be deleted: disable it instead.");
  }
  throw ruleNotFound();
}

/** `PUT …/enabled`. Throws M_NOT_FOUND, or 400 where `enabled` is no boolean. */
export function setEnabled(
  choices: PushRuleChoices,
  kind: PushRuleKind,
  ruleId: string,
  enabled: unknown,
): PushRuleChoices {
  if (enabled === undefined) throw missingParam("enabled is missing.");
  if (typeof enabled !== "boolean") throw badJson("enabled must be true or false.");
  return change(choices, kind, ruleId, { enabled });
}

/** `PUT …/actions`. Throws M_NOT_FOUND, or 400 where `actions` is no list of actions. */
export function setActions(
  choices: PushRuleChoices,
  kind: PushRuleKind,
  ruleId: string,
  actions: unknown,
): PushRuleChoices {
  return change(choices, kind, ruleId, { actions: parseActions(actions) });
}

/** Switches the rules for threads on (MSC4306), except for what the member has said of them: perhaps all. */
export function withThreadRules(choices: PushRuleChoices): PushRuleChoices {
  if (threadRuleIds.every((id) => choices.defaults[id]?.enabled !== undefined)) return choices;
  const on = threadRuleIds.map((id) => [id, { enabled: true, ...choices.defaults[id] }]);
  return { ...choices, defaults: { ...choices.defaults, ...Object.fromEntries(on) } };
}

function change(
  choices: PushRuleChoices,
  kind: PushRuleKind,
  ruleId: string,
  to: DefaultChoice,
): PushRuleChoices {
  if (kindOfDefaultRule.get(ruleId) === kind) {
    const before = choices.defaults[ruleId];
    return { ...choices, defaults: { ...choices.defaults, [ruleId]: { ...before, ...to } } };
  }
  const rules = choices.rules[kind] ?? [];
  if (!rules.some((rule) => rule.rule_id === ruleId)) throw ruleNotFound();
  return withRules(
    choices,
    kind,
    rules.map((rule) => (rule.rule_id === ruleId ? { ...rule, ...to } : rule)),
  );
}

function withRules(choices: PushRuleChoices, kind: PushRuleKind, rules: readonly OwnRule[]): PushRuleChoices {
  return { ...choices, rules: { ...choices.rules, [kind]: rules } };
}

const countRules = (choices: PushRuleChoices): number =>
  Object.values(choices.rules).reduce((sum, some) => sum + some.length, 0);

const ruleNotFound = (): MatrixError => notFound("The push rule was not found.");

function checkRuleId(ruleId: string): void {
  if (ruleId === "") throw invalidParam("A push rule needs an id.");
  if (ruleId.startsWith(".")) throw invalidParam("Ids that begin with a dot are the predefined rules'.");
  if (/[/\\]/.test(ruleId)) throw invalidParam("The id of a push rule must not contain slashes.");
  if (!isWithinIdLimit(ruleId)) throw invalidParam("The id of a push rule is too long.");
}

// They mean nothing, and stay where a client put them: it looks for what it wrote (Client-Server §Historical Actions).
const historicalActions = ["dont_notify", "coalesce"];

function parseActions(actions: unknown): PushAction[] {
  if (actions === undefined) throw missingParam("actions is missing.");
  if (!Array.isArray(actions)) throw badJson("actions must be a list.");
  if (actions.length > maximumActions) {
    throw invalidParam(`A rule may have at most ${maximumActions} actions.`);
  }
  const parsed: PushAction[] = [];
  for (const action of actions as unknown[]) {
    if (action === "notify" || (typeof action === "string" && historicalActions.includes(action))) {
      parsed.push(action);
    } else if (isRecord(action) && typeof action["set_tweak"] === "string") {
      parsed.push(action as { [key: string]: Json });
    } else throw invalidParam('An action is "notify" or an object with set_tweak.');
  }
  if (JSON.stringify(parsed).length > maximumActionsLength) {
    throw invalidParam(`actions may have at most ${maximumActionsLength} characters in all.`);
  }
  return parsed;
}

function parseConditions(conditions: unknown): PushCondition[] {
  if (conditions === undefined) return [];
  if (!Array.isArray(conditions)) throw badJson("conditions must be a list.");
  if (conditions.length > maximumConditions) {
    throw invalidParam(`A rule may have at most ${maximumConditions} conditions.`);
  }
  return conditions.map((condition: unknown) => {
    // Unknown kinds are kept: another client may know them. They match nothing here.
    if (!isRecord(condition) || typeof condition["kind"] !== "string") {
      throw badJson("A condition must be an object with a kind.");
    }
    if (condition["pattern"] !== undefined) parsePattern(condition["pattern"]);
    return condition as unknown as PushCondition;
  });
}

function parsePattern(pattern: unknown): string {
  if (pattern === undefined) throw missingParam("pattern is missing.");
  if (typeof pattern !== "string") throw badJson("pattern must be a string.");
  if (pattern.length > maximumPatternLength) {
    throw invalidParam(`pattern may have at most ${maximumPatternLength} characters.`);
  }
  return pattern;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import type { AuthState, Json, JsonObject, RoomEvent } from "../events/event.ts";
import { splitPropertyPath } from "../events/property-path.ts";
import { actionLevel, userLevel } from "../events/power-levels.ts";
import { compileGlob, compileWordGlob, containsPhrase, type TextMatcher } from "./glob.ts";
import {
  type PushAction,
  type PushCondition,
  type PushRule,
  type PushRuleKind,
  pushRuleKinds,
} from "./push-rule.ts";
import { textMentionRules, threadSubscription } from "./default-rules.ts";
import type { PushRuleSet } from "./push-rule.ts";

/** What the rules ask of the room rather than of the event. */
export interface PushFacts {
  readonly room: AuthState;
  readonly memberCount: number;
  /** The member's own name in the room, for the deprecated `contains_display_name`. */
  readonly displayName: string | undefined;
  /** Whether the member has subscribed to the event's thread (MSC4306); undefined for an event outside threads. */
  readonly subscribed: boolean | undefined;
}

export interface PushVerdict {
  readonly notify: boolean;
  readonly highlight: boolean;
  /** JSON of all tweaks by name, as a push gateway gets them; empty where there are none. */
  readonly tweaks: string;
}

/** Judges an event for the member whose rules were compiled. The caller leaves out the member's own events. */
export type Evaluator = (event: RoomEvent, facts: PushFacts) => PushVerdict;

/**
 * Compiles a member's rules once, because every event is judged for each member of its room while it enters
 * (Client-Server §Push Rules). The first enabled rule that matches decides; where none does, the event is silent.
 */
export function compileRules(rules: PushRuleSet): Evaluator {
  const compiled: CompiledRule[] = [];
  for (const kind of pushRuleKinds) {
    for (const rule of rules[kind]) {
      if (!rule.enabled) continue;
      const { common, own } = conditionsOf(kind, rule);
      if (rule.default && textMentionRules.has(rule.rule_id)) common.unshift(hasNoMentions);
      compiled.push({ common, own, verdict: verdictOf(rule.actions) });
    }
  }
  const judgeForAll = commonJudge(compiled);
  return function judge(event, facts) {
    const forAll = judgeForAll(event, facts);
    if (forAll) return forAll;
    for (const { common, own, verdict } of compiled) {
      if (commonHold(common, event, facts) && ownHold(own, event, facts)) return verdict;
    }
    return silent;
  };
}

function commonHold(conditions: readonly CommonCondition[], event: RoomEvent, facts: PushFacts): boolean {
  for (const { holds } of conditions) if (!holds(event, facts)) return false;
  return true;
}

function ownHold(conditions: readonly Condition[], event: RoomEvent, facts: PushFacts): boolean {
  for (const holds of conditions) if (!holds(event, facts)) return false;
  return true;
}

interface CompiledRule {
  /** Those that ask nothing of the member whose rule it is. */
  readonly common: readonly CommonCondition[];
  readonly own: readonly Condition[];
  readonly verdict: PushVerdict;
}

type Condition = (event: RoomEvent, facts: PushFacts) => boolean;

interface CommonCondition {
  /** The same for conditions that are the same. */
  readonly text: string;
  readonly holds: Condition;
}

/** The verdict for all whose rules are alike but for what is their own; undefined where that is asked. */
type CommonJudge = (event: RoomEvent, facts: PushFacts) => PushVerdict | undefined;

const judges = new Map<string, CommonJudge>();
const mostJudges = 512;

/**
 * Most members have the predefined rules, and most messages mention nobody: what one of them hears, all do. So the
 * event is judged once for all with rules like these, and for each only where a rule comes down to their own name.
 */
function commonJudge(rules: readonly CompiledRule[]): CommonJudge {
  const alike = JSON.stringify(
    rules.map(({ common, own, verdict }) => [common.map(({ text }) => text), own.length > 0, verdict]),
  );
  let judge = judges.get(alike);
  if (!judge) {
    judge = rememberLast((event, facts) => {
      for (const { common, own, verdict } of rules) {
        if (commonHold(common, event, facts)) return own.length > 0 ? undefined : verdict;
      }
      return silent;
    });
    if (judges.size >= mostJudges) judges.clear();
    judges.set(alike, judge);
  }
  return judge;
}

const silent: PushVerdict = { notify: false, highlight: false, tweaks: "" };
const never: Condition = () => false;
const hasNoMentions: CommonCondition = {
  text: "no mentions",
  holds: ({ pdu }) => !Object.hasOwn(pdu.content, "m.mentions"),
};

function verdictOf(actions: readonly PushAction[]): PushVerdict {
  let notify = false;
  const tweaks = new Map<string, Json>();
  for (const action of actions) {
    if (action === "notify") notify = true;
    if (typeof action === "string" || typeof action["set_tweak"] !== "string") continue;
    // §Actions: a highlight without a value is true; peers say so of every tweak.
    tweaks.set(action["set_tweak"], action["value"] ?? true);
  }
  if (!notify) return silent;
  const highlight = tweaks.has("highlight") && tweaks.get("highlight") !== false;
  return { notify, highlight, tweaks: tweaks.size === 0 ? "" : JSON.stringify(Object.fromEntries(tweaks)) };
}

function conditionsOf(
  kind: PushRuleKind,
  rule: PushRule,
): { common: CommonCondition[]; own: readonly Condition[] } {
  switch (kind) {
    case "override":
    case "postcontent":
    case "underride":
      return divide(rule.conditions ?? []);
    case "content":
      return {
        common: [],
        own: [rule.pattern ? matchText(contentBody, compileWordGlob(rule.pattern)) : never],
      };
    case "room":
      return { common: [], own: [(event) => event.roomId === rule.rule_id] };
    default:
      return { common: [], own: [(event) => event.pdu.sender === rule.rule_id] };
  }
}

/** All of a rule's conditions must hold, so their order does not matter. */
function divide(conditions: readonly PushCondition[]): { common: CommonCondition[]; own: Condition[] } {
  const common: CommonCondition[] = [];
  const own: Condition[] = [];
  for (const condition of conditions) {
    if (isCommon(condition)) {
      common.push(shareCondition(JSON.stringify(condition), () => compileCondition(condition)));
      continue;
    }
    own.push(compileCondition(condition));
    const { kind, key } = condition;
    if (kind === "event_property_contains" && typeof key === "string") {
      // Whether the user is mentioned is asked of each of them only where anybody is.
      common.push(shareCondition(JSON.stringify(["any", key]), () => hasAny(propertyAt(key))));
    }
  }
  return { common, own };
}

/** Whether the condition reads the same in the predefined rules of everyone: no name of theirs stands in it. */
function isCommon({ kind, key }: PushCondition): boolean {
  if (kind === "event_match") return key !== "state_key";
  return commonKinds.has(kind);
}

const commonKinds: ReadonlySet<string> = new Set([
  "event_property_is",
  "room_member_count",
  "sender_notification_permission",
]);
const shared = new Map<string, CommonCondition>();
const mostShared = 4096;

/** A condition that reads the same for two members is one, which answers from memory when it is asked again. */
function shareCondition(text: string, compile: () => Condition): CommonCondition {
  let known = shared.get(text);
  if (!known) {
    known = { text, holds: rememberLast(compile()) };
    if (shared.size >= mostShared) shared.clear();
    shared.set(text, known);
  }
  return known;
}

function rememberLast<Answer>(
  answerOf: (event: RoomEvent, facts: PushFacts) => Answer,
): (event: RoomEvent, facts: PushFacts) => Answer {
  let last: { readonly event: RoomEvent; readonly facts: PushFacts; readonly answer: Answer } | undefined;
  return (event, facts) => {
    if (last?.event !== event || last.facts !== facts)
      last = { event, facts, answer: answerOf(event, facts) };
    return last.answer;
  };
}

function hasAny(read: PropertyReader): Condition {
  return (event) => {
    const found = read(event);
    return Array.isArray(found) && found.length > 0;
  };
}

function compileCondition(condition: PushCondition): Condition {
  const { key, pattern, value, is } = condition;
  switch (condition.kind) {
    case "event_match": {
      if (typeof key !== "string" || typeof pattern !== "string") return never;
      return matchText(
        propertyAt(key),
        key === "content.body" ? compileWordGlob(pattern) : compileGlob(pattern),
      );
    }
    case "event_property_is": {
      if (typeof key !== "string" || !isPlainValue(value)) return never;
      const read = propertyAt(key);
      return (event) => read(event) === value;
    }
    case "event_property_contains": {
      if (typeof key !== "string" || !isPlainValue(value)) return never;
      const read = propertyAt(key);
      return (event) => {
        const found = read(event);
        return Array.isArray(found) && found.includes(value);
      };
    }
    case "contains_display_name":
      return (event, { displayName }) => {
        const body = contentBody(event);
        return displayName !== undefined && typeof body === "string" && containsPhrase(body, displayName);
      };
    case "room_member_count":
      return compileMemberCount(is);
    case "sender_notification_permission":
      if (typeof key !== "string") return never;
      return ({ pdu }, { room }) => userLevel(room, pdu.sender) >= actionLevel(room, `notifications.${key}`);
    case threadSubscription: {
      const { subscribed: wanted } = condition;
      return (_, { subscribed }) => subscribed !== undefined && subscribed === wanted;
    }
    default:
      // §Conditions: unrecognised conditions match nothing.
      return never;
  }
}

function compileMemberCount(is: Json | undefined): Condition {
  const [, comparison = "==", digits] = (typeof is === "string" && /^(==|<=|>=|<|>)?(\d+)$/.exec(is)) || [];
  if (digits === undefined) return never;
  const count = Number(digits);
  switch (comparison) {
    case "<":
      return (_, { memberCount }) => memberCount < count;
    case ">":
      return (_, { memberCount }) => memberCount > count;
    case "<=":
      return (_, { memberCount }) => memberCount <= count;
    case ">=":
      return (_, { memberCount }) => memberCount >= count;
    default:
      return (_, { memberCount }) => memberCount === count;
  }
}

type PropertyReader = (event: RoomEvent) => Json | undefined;

const contentBody: PropertyReader = (event) => event.pdu.content["body"];

function matchText(read: PropertyReader, matches: TextMatcher): Condition {
  return (event) => {
    const text = read(event);
    return typeof text === "string" && matches(text);
  };
}

function propertyAt(key: string): PropertyReader {
  const [head = "", ...path] = splitPropertyPath(key);
  if (head === "content") return (event) => descend(event.pdu.content, path);
  if (path.length > 0) return () => undefined;
  switch (head) {
    case "type":
      return (event) => event.pdu.type;
    case "sender":
      return (event) => event.pdu.sender;
    case "state_key":
      return (event) => event.pdu.state_key;
    case "room_id":
      return (event) => event.roomId;
    case "event_id":
      return (event) => event.eventId;
    case "origin_server_ts":
      return (event) => event.pdu.origin_server_ts;
    case "redacts":
      return (event) => event.pdu.redacts;
    default:
      return () => undefined;
  }
}

function descend(content: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = content;
  for (const name of path) {
    // Own members only: `constructor` and an array's `length` are JavaScript's, not the event's.
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function isPlainValue(value: Json | undefined): value is string | number | boolean | null {
  return (
    value === null || typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value)
  );
}

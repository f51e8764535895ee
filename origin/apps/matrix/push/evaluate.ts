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
      const conditions = conditionsOf(kind, rule);
      if (rule.default && textMentionRules.has(rule.rule_id)) conditions.unshift(hasNoMentions);
      compiled.push({ conditions, verdict: verdictOf(rule.actions) });
    }
  }
  return function judge(event, facts) {
    for (const { conditions, verdict } of compiled) {
      if (allHold(conditions, event, facts)) return verdict;
    }
    return silent;
  };
}

function allHold(conditions: readonly Condition[], event: RoomEvent, facts: PushFacts): boolean {
  for (const holds of conditions) if (!holds(event, facts)) return false;
  return true;
}

interface CompiledRule {
  readonly conditions: readonly Condition[];
  readonly verdict: PushVerdict;
}

type Condition = (event: RoomEvent, facts: PushFacts) => boolean;

const silent: PushVerdict = { notify: false, highlight: false, tweaks: "" };
const never: Condition = () => false;
const hasNoMentions: Condition = ({ pdu }) => !Object.hasOwn(pdu.content, "m.mentions");

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

function conditionsOf(kind: PushRuleKind, rule: PushRule): Condition[] {
  switch (kind) {
    case "override":
    case "postcontent":
    case "underride":
      return (rule.conditions ?? []).map(shareCondition);
    case "content":
      return [rule.pattern ? matchText(contentBody, compileWordGlob(rule.pattern)) : never];
    case "room":
      return [(event) => event.roomId === rule.rule_id];
    default:
      return [(event) => event.pdu.sender === rule.rule_id];
  }
}

/** Those that ask nothing of the member whose rule it is. */
const alikeForAll: ReadonlySet<string> = new Set([
  "event_match",
  "event_property_is",
  "event_property_contains",
  "room_member_count",
  "sender_notification_permission",
]);
const shared = new Map<string, Condition>();
const mostShared = 4096;

/**
 * Most members have the predefined rules, and an event is judged for one after the other: a condition that reads the
 * same for two of them is one condition, which answers from memory when it is asked about the same event again.
 */
function shareCondition(condition: PushCondition): Condition {
  if (!alikeForAll.has(condition.kind)) return compileCondition(condition);
  const text = JSON.stringify(condition);
  const known = shared.get(text);
  if (known) return known;
  const compiled = rememberLast(compileCondition(condition));
  if (shared.size >= mostShared) shared.clear();
  shared.set(text, compiled);
  return compiled;
}

function rememberLast(holds: Condition): Condition {
  let lastEvent: RoomEvent | undefined;
  let lastFacts: PushFacts | undefined;
  let answer = false;
  return (event, facts) => {
    if (event !== lastEvent || facts !== lastFacts) {
      answer = holds(event, facts);
      lastEvent = event;
      lastFacts = facts;
    }
    return answer;
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

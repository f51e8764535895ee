import type { RoomEvent } from "../events/event.ts";
import { type Room, stateKey, stateOf } from "../rooms/room.ts";

/** One `required_state`: `null` stands for any type, or any state key. */
export interface StateRule {
  readonly include: readonly StatePattern[];
  readonly exclude: readonly StatePattern[];
  readonly lazyMembers: boolean;
}

export type StatePattern = readonly [type: string | null, key: string | null];

/** Which state of a room a client wants: what any of the rules lets through. */
export interface StateSelector {
  readonly rules: readonly StateRule[];
  /** Equal texts select alike. */
  readonly text: string;
  /** Besides what matches, the members needed to show the timeline. */
  readonly lazyMembers: boolean;
  matches(event: RoomEvent): boolean;
  /** What of the room's current state matches. */
  among(room: Room): RoomEvent[];
}

const memberType = "m.room.member";

export function compileSelector(rules: readonly StateRule[]): StateSelector {
  const compiled = rules.map(compileRule);
  const matches = (event: RoomEvent): boolean => compiled.some((rule) => rule.matches(event));
  const scans = compiled.some((rule) => rule.scans);
  return {
    rules,
    text: JSON.stringify(rules.map(({ include, exclude, lazyMembers }) => [include, exclude, lazyMembers])),
    lazyMembers: rules.some((rule) => rule.lazyMembers),
    matches,
    among(room) {
      if (scans) return [...room.state.values()].filter(matches);
      const found = new Set<RoomEvent>();
      for (const [type, key] of compiled.flatMap((rule) => rule.exact)) {
        const event = stateOf(room, type, key);
        if (event && matches(event)) found.add(event);
      }
      return [...found];
    },
  };
}

/** What `text` of an earlier selector says. */
export function selectorOfText(text: string): StateSelector {
  const rules = JSON.parse(text) as [StatePattern[], StatePattern[], boolean][];
  return compileSelector(rules.map(([include, exclude, lazyMembers]) => ({ include, exclude, lazyMembers })));
}

/** MSC4186 §Combining `required_state`: the rules stay apart, since one's exclusions are not another's. */
export function unite(one: StateSelector, other: StateSelector): StateSelector {
  if (one.text === other.text) return one;
  return compileSelector([...one.rules, ...other.rules]);
}

interface CompiledRule {
  readonly exact: readonly (readonly [string, string])[];
  /** Whether finding what matches takes a look at every event. */
  readonly scans: boolean;
  matches(event: RoomEvent): boolean;
}

function compileRule(rule: StateRule): CompiledRule {
  const include = compilePatterns(rule.include);
  const exclude = compilePatterns(rule.exclude);
  return {
    exact: rule.include.filter((pattern): pattern is [string, string] => !pattern.includes(null)),
    scans: include.anything || include.types.size > 0 || include.keys.size > 0,
    matches({ pdu }) {
      const { type, state_key: key = "" } = pdu;
      const included =
        include.exact.has(stateKey(type, key)) ||
        include.types.has(type) ||
        // "Everything, and members lazily" does not mean every member.
        ((include.anything || include.keys.has(key)) && !(rule.lazyMembers && type === memberType));
      if (!included) return false;
      const excluded =
        exclude.anything ||
        exclude.exact.has(stateKey(type, key)) ||
        exclude.types.has(type) ||
        exclude.keys.has(key);
      return !excluded;
    },
  };
}

interface CompiledPatterns {
  readonly anything: boolean;
  readonly exact: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

function compilePatterns(patterns: readonly StatePattern[]): CompiledPatterns {
  const exact = new Set<string>();
  const types = new Set<string>();
  const keys = new Set<string>();
  let anything = false;
  for (const [type, key] of patterns) {
    if (type === null && key === null) anything = true;
    else if (type === null) keys.add(key!);
    else if (key === null) types.add(type);
    else exact.add(stateKey(type, key));
  }
  return { anything, exact, types, keys };
}

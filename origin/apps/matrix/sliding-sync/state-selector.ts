import { hash } from "node:crypto";
import type { RoomEvent } from "../events/event.ts";
import { type Room, stateKey, stateOf } from "../rooms/room.ts";

/** One `required_state`, as it was asked for: `null` stands for any type, or any state key. */
export interface StateRequest {
  readonly include: readonly StatePattern[];
  readonly exclude: readonly StatePattern[];
  readonly lazyMembers: boolean;
}

export type StatePattern = readonly [type: string | null, key: string | null];

/** The same, compiled once for all rooms that it is asked of. */
export interface StateRule {
  /** What it was made from, and a short name for that. */
  readonly text: string;
  readonly id: string;
  readonly lazyMembers: boolean;
  readonly exact: readonly (readonly [string, string])[];
  /** Whether finding what matches takes a look at every event. */
  readonly scans: boolean;
  matches(event: RoomEvent): boolean;
}

/** Which state of a room a client wants: what any of the rules lets through. */
export interface StateSelector {
  readonly rules: readonly StateRule[];
  /** Equal ones select alike. */
  readonly id: string;
  /** Besides what matches, the members needed to show the timeline. */
  readonly lazyMembers: boolean;
  matches(event: RoomEvent): boolean;
  /** What of the room's current state matches. */
  among(room: Room): RoomEvent[];
}

const memberType = "m.room.member";

export function createSelector(rules: readonly StateRule[]): StateSelector {
  const matches = (event: RoomEvent): boolean => rules.some((rule) => rule.matches(event));
  const scans = rules.some((rule) => rule.scans);
  return {
    rules,
    id: rules.map((rule) => rule.id).join(),
    lazyMembers: rules.some((rule) => rule.lazyMembers),
    matches,
    among(room) {
      if (scans) return [...room.state.values()].filter(matches);
      const found = new Set<RoomEvent>();
      for (const [type, key] of rules.flatMap((rule) => rule.exact)) {
        const event = stateOf(room, type, key);
        if (event && matches(event)) found.add(event);
      }
      return [...found];
    },
  };
}

/** MSC4186 §Combining `required_state`: the rules stay apart, since one's exclusions are not another's. */
export function unite(one: StateSelector, other: StateSelector): StateSelector {
  const added = other.rules.filter(({ id }) => !one.rules.some((rule) => rule.id === id));
  return added.length === 0 ? one : createSelector([...one.rules, ...added]);
}

export function compileRule({ include, exclude, lazyMembers }: StateRequest): StateRule {
  const text = JSON.stringify([include, exclude, lazyMembers]);
  const included = compilePatterns(include);
  const excluded = compilePatterns(exclude);
  return {
    text,
    id: hash("sha256", text, "base64url"),
    lazyMembers,
    exact: include.filter((pattern): pattern is [string, string] => !pattern.includes(null)),
    scans: included.anything || included.types.size > 0 || included.keys.size > 0,
    matches({ pdu }) {
      const { type, state_key: key = "" } = pdu;
      const wanted =
        included.exact.has(stateKey(type, key)) ||
        included.types.has(type) ||
        // "Everything, and members lazily" does not mean every member.
        ((included.anything || included.keys.has(key)) && !(lazyMembers && type === memberType));
      if (!wanted) return false;
      return !(
        excluded.anything ||
        excluded.exact.has(stateKey(type, key)) ||
        excluded.types.has(type) ||
        excluded.keys.has(key)
      );
    },
  };
}

/** The rule that an earlier one's text says. */
export function ruleOfText(text: string): StateRule {
  const [include, exclude, lazyMembers] = JSON.parse(text) as [StatePattern[], StatePattern[], boolean];
  return compileRule({ include, exclude, lazyMembers });
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

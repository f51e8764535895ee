import { createSelector, ruleOfText, type StateSelector } from "./state-selector.ts";

/** What a connection has been sent. Never changed, but replaced: an earlier position may be presented again. */
export interface SentState {
  /** Its number within the connection. */
  readonly number: number;
  /** By nid. */
  readonly rooms: ReadonlyMap<number, SentRoom>;
  /** For which rooms each extension was asked, as a short name for that; absent: it was not. */
  readonly extensions: SentExtensions;
  /** The request that left nothing to send here, but for news, and how long its lists were. Memory only. */
  settled: { readonly asked: string; readonly counts: ReadonlyMap<string, number> } | undefined;
}

export interface SentExtensions {
  readonly accountData?: string;
  readonly receipts?: string;
}

export interface SentRoom {
  /** Everything up to here was sent; `live`: up to the position that the client presents. */
  readonly upTo: number;
  /** Which state is kept up to date. */
  readonly state: StateSelector;
  /** So many of the newest events were sent without a hole. */
  readonly depth: number;
  readonly isDm: boolean;
}

export const live = 0;
/** The `depth` of a room whose whole history was sent. */
export const wholeHistory = 1_000_000;

export const isSameRoom = (one: SentRoom | undefined, other: SentRoom): boolean =>
  one !== undefined &&
  one.upTo === other.upTo &&
  one.depth === other.depth &&
  one.isDm === other.isDm &&
  one.state.id === other.state.id;

/** As it is kept on disk: what was asked once each, and a short row for each room. */
interface SentText {
  readonly rules: readonly string[];
  /** By their places in `rules`. */
  readonly selectors: readonly (readonly number[])[];
  readonly rooms: readonly (readonly [
    nid: number,
    upTo: number,
    selector: number,
    depth: number,
    isDm: 0 | 1,
  ])[];
  readonly extensions: SentExtensions;
}

export function sentToText({ rooms, extensions }: SentState): string {
  const rules = createPlaces<string>();
  const selectors = createPlaces<readonly number[]>();
  const placeOf = ({ id, rules: ofSelector }: StateSelector): number =>
    selectors.place(id, () => ofSelector.map((rule) => rules.place(rule.id, () => rule.text)));
  const rows = [...rooms].map(
    ([nid, { upTo, state, depth, isDm }]) => [nid, upTo, placeOf(state), depth, isDm ? 1 : 0] as const,
  );
  const text: SentText = { rules: rules.values, selectors: selectors.values, rooms: rows, extensions };
  return JSON.stringify(text);
}

/** A list in which each thing stands once, by its name. */
function createPlaces<T>(): { values: T[]; place: (name: string, make: () => T) => number } {
  const values: T[] = [];
  const places = new Map<string, number>();
  return {
    values,
    place(name, make) {
      let place = places.get(name);
      if (place === undefined) {
        place = values.push(make()) - 1;
        places.set(name, place);
      }
      return place;
    },
  };
}

export function sentOfText(number: number, text: string): SentState {
  const { rules, selectors, rooms, extensions } = JSON.parse(text) as SentText;
  const compiled = rules.map(ruleOfText);
  const made = selectors.map((places) => createSelector(places.map((place) => compiled[place]!)));
  return {
    number,
    rooms: new Map(
      rooms.map(([nid, upTo, selector, depth, isDm]) => [
        nid,
        { upTo, state: made[selector]!, depth, isDm: isDm === 1 },
      ]),
    ),
    extensions,
    settled: undefined,
  };
}

import { type StateSelector, selectorOfText } from "./state-selector.ts";

/** What a connection has been sent. Never changed, but replaced: an earlier position may be presented again. */
export interface SentState {
  /** Its number within the connection. */
  readonly number: number;
  /** By nid. */
  readonly rooms: ReadonlyMap<number, SentRoom>;
  /** For which rooms each extension was asked, as text; absent: it was not. */
  readonly extensions: SentExtensions;
  /** The request that left nothing to send here, but for news, and how long its lists were. Memory only. */
  settled: { readonly text: string; readonly counts: ReadonlyMap<string, number> } | undefined;
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
  one.state.text === other.state.text;

/** As it is kept on disk: selectors once, and a short row for each room. */
interface SentText {
  readonly selectors: readonly string[];
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
  const selectors: string[] = [];
  const places = new Map<string, number>();
  const rows = [...rooms].map(([nid, { upTo, state, depth, isDm }]) => {
    let place = places.get(state.text);
    if (place === undefined) {
      place = selectors.push(state.text) - 1;
      places.set(state.text, place);
    }
    return [nid, upTo, place, depth, isDm ? 1 : 0] as const;
  });
  const text: SentText = { selectors, rooms: rows, extensions };
  return JSON.stringify(text);
}

export function sentOfText(number: number, text: string): SentState {
  const { selectors, rooms, extensions } = JSON.parse(text) as SentText;
  const compiled = selectors.map(selectorOfText);
  return {
    number,
    rooms: new Map(
      rooms.map(([nid, upTo, selector, depth, isDm]) => [
        nid,
        { upTo, state: compiled[selector]!, depth, isDm: isDm === 1 },
      ]),
    ),
    extensions,
    settled: undefined,
  };
}

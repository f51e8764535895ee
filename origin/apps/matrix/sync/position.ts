import { invalidParam } from "../matrix-error.ts";

/**
 * A place in the server's one line of facts, as a client carries it: `next_batch`, `since`, `prev_batch`, and
 * `from` and `to` of /messages are all this. It stands between two facts: everything at or before `so` lies
 * behind it.
 */
export interface Position {
  readonly so: number;
  /** The serial of typing notices and presence, which are not on disk; 0 where the token bears none. */
  readonly typing: number;
  /** Only where the messages to the device were cut: how far they have been delivered. Otherwise `so`. */
  readonly toDevice?: number;
}

// A sliding sync's `pos` has more behind it, and may be a `from` of /messages too (MSC4186 §Connections).
const form = /^s(\d{1,15})(?:_(\d{1,15})(?:_(\d{1,15}))?)?(?:~[a-z0-9.]{1,60})?$/;

/** `s12`, `s12_34`, or `s12_34_9` with messages to the device still to come. */
export function formatToken(position: {
  readonly so: number;
  readonly typing?: number;
  readonly toDevice?: number;
}): string {
  const { so, typing, toDevice } = position;
  if (toDevice !== undefined && toDevice < so) return `s${so}_${typing ?? 0}_${toDevice}`;
  return typing === undefined ? `s${so}` : `s${so}_${typing}`;
}

/** Throws 400 M_INVALID_PARAM for anything that this server cannot have given out. */
export function parseToken(text: string): Position {
  const found = form.exec(text);
  if (!found) throw invalidParam("This token is not one that this server gave out.");
  const so = Number(found[1]);
  const typing = found[2] === undefined ? 0 : Number(found[2]);
  return found[3] === undefined ? { so, typing } : { so, typing, toDevice: Math.min(so, Number(found[3])) };
}

import { MatrixError } from "../matrix-error.ts";
import { formatToken } from "../sync/position.ts";

/**
 * A position of a connection, as a client carries it. The place in the server's line of facts stands in it, so that
 * news alone changes nothing that the server has to keep: `state` is counted up only when the set of rooms that
 * were sent, or what of them, has changed.
 */
export interface Pos {
  readonly so: number;
  readonly typing: number;
  /** The connection's own random name: a position of another connection, or of one that was begun anew, is none. */
  readonly instance: string;
  /** Of the kept states of the connection. */
  readonly state: number;
  /** Counts the answers. */
  readonly answer: number;
}

const form = /^s(\d{1,15})_(\d{1,15})~([a-z0-9]{16})\.(\d{1,12})\.(\d{1,15})$/;

export const formatPos = ({ so, typing, instance, state, answer }: Pos): string =>
  `${formatToken({ so, typing })}~${instance}.${state}.${answer}`;

/** Throws 400 M_UNKNOWN_POS for anything that this server cannot have given out. */
export function parsePos(text: string): Pos {
  const found = form.exec(text);
  if (!found) throw unknownPos();
  const [, so, typing, instance = "", state, answer] = found;
  return { so: Number(so), typing: Number(typing), instance, state: Number(state), answer: Number(answer) };
}

/** MSC4186 §Connections: the client begins anew, without `pos`. */
export const unknownPos = (): MatrixError =>
  new MatrixError(
    400,
    "M_UNKNOWN_POS",
    "The server does not remember this position. Begin a new connection: leave pos out.",
  );

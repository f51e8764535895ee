import type { MatrixContext } from "../matrix-context.ts";
import type { Connection } from "./connections.ts";
import { formatPos, type Pos } from "./pos.ts";
import type { SlidingSyncAnswer, TurnResult } from "./sliding-sync.ts";
import type { Turn } from "./turn.ts";

/** Why a wait ends, which nobody asks: without one given, each abort makes an error with its stack. */
const over = "over";

export interface WaitRequest {
  readonly turn: Turn;
  readonly signal: AbortSignal;
  /** Throws when the session has ended since. */
  readonly checkSession: () => void;
}

/**
 * Answers at once when there is news or the client does not wait, otherwise as soon as there is, and empty at the
 * time-out. A connection has one request at a time (MSC4186 §Connections): a newer one ends the older.
 */
export function createLongPoll(
  matrix: MatrixContext,
  compute: (turn: Turn) => Promise<TurnResult>,
): (request: WaitRequest) => Promise<SlidingSyncAnswer> {
  return async function longPoll({ turn, signal, checkSession }) {
    const { connection, request, userId } = turn;
    const place = new AbortController();
    const ended = (): void => place.abort(over);
    connection.waiting?.abort(over);
    connection.waiting = place;
    signal.addEventListener("abort", ended, { once: true });
    const timeout = request.pos ? request.timeout : 0;
    // Not the clock, which may be set while we wait.
    const deadline = performance.now() + timeout;
    try {
      for (;;) {
        // Before the look, which may take several turns: no news can fall between the two.
        const wait = matrix.waiters.wait(userId, timeout && deadline - performance.now(), place.signal);
        const result = await compute(turn);
        const woken = !result.news && (await wait.woken);
        wait.cancel();
        if (request.pos && place.signal.aborted) return givenUp(connection, request.pos);
        if (!woken) return result.answer();
        checkSession();
      }
    } finally {
      signal.removeEventListener("abort", ended);
      place.abort(over);
      if (connection.waiting === place) connection.waiting = undefined;
    }
  };
}

/** Nobody reads it; and should somebody, it leads to where they are. */
function givenUp({ instance }: Connection, pos: Pos): SlidingSyncAnswer {
  return { pos: formatPos({ ...pos, instance }), counts: new Map(), rooms: new Map(), extensions: {} };
}

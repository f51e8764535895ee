import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, MatrixError } from "../matrix-error.ts";
import { localMember } from "../users/local-member.ts";
import { requireJoined } from "./access.ts";
import type { DelayedEvent, SendError } from "./delayed-events.ts";
import { setState } from "./state.ts";

/** Sends what waits when its time has come: started once, for the whole server. */
export interface DelayedEventSender {
  /** Sends whatever is due now. */
  sendDue(): Promise<void>;
  close(): Promise<void>;
}

/** Each is an event of its own, with all that hangs on it: others must get their turn in between. */
const eventsAWrite = 20;
/** ms. The clock may be set, and the device may sleep: a wait is cut in pieces of this length. */
const longestWait = 60_000;
const retryAfter = 5000;

export function startDelayedEvents(matrix: MatrixContext): DelayedEventSender {
  const { database, delayedEvents, log, now } = matrix;
  let timer: NodeJS.Timeout | undefined;
  let line = Promise.resolve();
  let closed = false;

  function wake(afterMs: number): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      sendDue().catch((error: unknown) => {
        log.error("matrix.delayed-events.failed", { error });
        wake(retryAfter);
      });
    }, afterMs).unref();
  }

  function schedule(): void {
    const next = delayedEvents.nextDue();
    if (next === undefined) clearTimeout(timer);
    else wake(Math.min(Math.max(next - now(), 0), longestWait));
  }

  async function sendAll(): Promise<void> {
    while (!closed && (delayedEvents.nextDue() ?? Number.POSITIVE_INFINITY) <= now()) {
      await database.write((transaction) => {
        for (const event of delayedEvents.due(now(), eventsAWrite)) {
          sendDelayedEvent(matrix, transaction, event);
        }
      });
    }
    schedule();
  }

  function sendDue(): Promise<void> {
    const turn = line.then(sendAll);
    line = turn.catch(() => {});
    return turn;
  }

  delayedEvents.onScheduled(schedule);
  // What came due while the server was down goes out at once.
  schedule();
  return {
    sendDue,
    close() {
      closed = true;
      clearTimeout(timer);
      return line;
    },
  };
}

/**
 * Sends it in this write, together with the note that it was sent: never twice and never not at all. Where the rules
 * refuse it by now, that is noted, and the error given back.
 */
export function sendDelayedEvent(
  matrix: MatrixContext,
  transaction: Transaction,
  event: DelayedEvent,
): MatrixError | undefined {
  try {
    const eventId = send(matrix, transaction, event);
    matrix.delayedEvents.finalise(transaction, event.delayId, { eventId });
    return undefined;
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    matrix.delayedEvents.finalise(transaction, event.delayId, { error: bodyOf(error) });
    return error;
  }
}

function send(matrix: MatrixContext, transaction: Transaction, event: DelayedEvent): string {
  const { userId: sender, deviceId, roomId, type, stateKey, content, txnId } = event;
  const member = localMember({ members: matrix.members, serverName: matrix.config.serverName }, sender);
  if (member?.state !== "active") throw forbidden("This account is suspended, or there is none any more.");
  const room = requireJoined(matrix, roomId, sender);
  if (stateKey !== undefined) {
    return setState(matrix, transaction, room, { type, stateKey, sender, content }).eventId;
  }
  const redacts = type === "m.room.redaction" ? content["redacts"] : undefined;
  return matrix.append(transaction, room, {
    type,
    sender,
    content,
    ...(typeof redacts === "string" && { redacts }),
    ...(txnId !== undefined && { transaction: { deviceId, txnId } }),
  }).eventId;
}

const bodyOf = (error: MatrixError): SendError => ({
  errcode: error.errcode,
  error: error.message,
  ...(error.fields as JsonObject),
});

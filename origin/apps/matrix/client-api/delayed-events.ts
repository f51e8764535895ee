import { randomBytes } from "node:crypto";
import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { invalidParam, MatrixError, notFound, tooLarge } from "../matrix-error.ts";
import { requireJoined } from "../rooms/access.ts";
import { type DelayedEvent, longestDelay } from "../rooms/delayed-events.ts";
import { sendDelayedEvent } from "../rooms/send-delayed-events.ts";
import type { Answer, Call, Route } from "../route.ts";
import { requireString } from "./read-body.ts";

const unstable = "org.matrix.msc4140";

/** Bytes of JSON; with what the server adds an event may have 64 KiB. */
const largestContent = 60_000;

/**
 * How long a /send or PUT …/state is to wait, in ms; undefined: it is not. Throws 400 for what is no time, and for one
 * further off than this server takes.
 */
export function readDelay(call: Call): number | undefined {
  const text = call.query.get(`${unstable}.delay`);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text) || Number(text) === 0) {
    throw invalidParam(`${unstable}.delay must be a whole number of milliseconds, 1 or more.`);
  }
  const delay = Number(text);
  if (delay > longestDelay) {
    throw new MatrixError(400, "M_UNKNOWN", `An event can wait for at most ${longestDelay} ms.`, {
      [`${unstable}.errcode`]: "M_MAX_DELAY_EXCEEDED",
      [`${unstable}.max_delay`]: longestDelay,
    });
  }
  return delay;
}

/** Puts an event aside until its time; the answer that a client gets. The rules of the room judge it when it is sent. */
export function scheduleEvent(
  matrix: MatrixContext,
  transaction: Transaction,
  call: Call,
  event: { type: string; stateKey?: string; content: JsonObject; delay: number },
): { delay_id: string } {
  const { roomId = "", txnId } = call.params;
  const { userId, deviceId } = call.requester;
  const { type, stateKey, content, delay } = event;
  requireJoined(matrix, roomId, userId);
  if (Buffer.byteLength(JSON.stringify(content)) > largestContent) {
    throw tooLarge("The content of a delayed event may have at most 60 kB.");
  }
  // Whoever knows it may send or cancel the event (MSC4140): a secret of 160 bits.
  const delayId = randomBytes(20).toString("base64url");
  const sendAt = matrix.now() + delay;
  const who = { userId, deviceId, roomId };
  matrix.delayedEvents.schedule(transaction, {
    delayId,
    ...who,
    type,
    stateKey,
    content,
    txnId,
    delay,
    sendAt,
  });
  return { delay_id: delayId };
}

const actions = ["restart", "send", "cancel"] as const;
type Action = (typeof actions)[number];

export function delayedEventsRoutes(matrix: MatrixContext): Route[] {
  const { database, delayedEvents, now } = matrix;

  const list = (call: Call): Answer => ({
    delayed_events: delayedEvents.waiting(call.requester.userId).map(describe),
  });

  function get(call: Call): Answer {
    const event = delayedEvents.find(call.params["delayId"] ?? "");
    if (event?.userId !== call.requester.userId) throw unknownEvent();
    return describe(event);
  }

  /** A client may have lost the answer: doing again what was done is no error, undoing it is. */
  async function act(delayId: string, action: Action): Promise<Answer> {
    const refused = await database.write((transaction) => {
      const event = delayedEvents.find(delayId);
      if (!event) throw unknownEvent();
      if (event.finalised) return afterwards(event, action);
      if (action === "restart") delayedEvents.restart(transaction, delayId, now() + event.delay);
      if (action === "cancel") delayedEvents.finalise(transaction, delayId, {});
      return action === "send" ? sendDelayedEvent(matrix, transaction, event) : undefined;
    });
    if (refused) throw refused;
    return {};
  }

  const path = `/_matrix/client/unstable/${unstable}/delayed_events`;
  return [
    { method: "GET", path, access: "member", handle: list },
    { method: "GET", path: `${path}/:delayId`, access: "member", handle: get },
    // Without a token: the id is the secret, so that a call's server can be given it.
    ...actions.map(
      (action): Route => ({
        method: "POST",
        path: `${path}/:delayId/${action}`,
        access: "public",
        handle: (call) => act(call.params["delayId"] ?? "", action),
      }),
    ),
    {
      // As it was until 2025, and as clients still fall back to.
      method: "POST",
      path: `${path}/:delayId`,
      access: "public",
      handle: async (call) => {
        const wanted = requireString(await call.json(), "action");
        const action = actions.find((known) => known === wanted);
        if (!action) throw invalidParam("action must be restart, send or cancel.");
        return act(call.params["delayId"] ?? "", action);
      },
    },
  ];
}

function afterwards({ finalised }: DelayedEvent, action: Action): MatrixError | undefined {
  const done = finalised?.eventId !== undefined ? "send" : "cancel";
  if (action === done && !finalised?.error) return undefined;
  if (finalised?.error) {
    const { errcode, error, ...fields } = finalised.error;
    return new MatrixError(409, errcode, error, fields);
  }
  const what = done === "send" ? "sent" : "cancelled";
  return new MatrixError(409, "M_UNKNOWN", `This event was ${what} already.`);
}

/** With the names of the proposal's earlier text, which clients still read. */
function describe(event: DelayedEvent): object {
  const { delayId, roomId, type, stateKey, content, delay, sendAt, finalised } = event;
  return {
    delay_id: delayId,
    room_id: roomId,
    type,
    ...(stateKey !== undefined && { state_key: stateKey }),
    content,
    delay_ms: delay,
    delayed_since_ts: sendAt - delay,
    delay,
    running_since: sendAt - delay,
    ...(finalised && {
      finalised: {
        finalised_ts: finalised.at,
        ...(finalised.eventId !== undefined && { event_id: finalised.eventId }),
        ...(finalised.error && { error: finalised.error }),
      },
    }),
  };
}

const unknownEvent = (): MatrixError => notFound("There is no delayed event of this id.");

import type { MatrixContext } from "../matrix-context.ts";
import { createLazyMembers } from "../sync/lazy-members.ts";
import { createBumpStamps } from "./bump-stamps.ts";
import { deviceExtensions, type ExtensionsAnswer } from "./extensions.ts";
import { formatPos } from "./pos.ts";
import { type AnsweredRoom, readRooms, type RoomsResult } from "./read-rooms.ts";
import type { SentMembers } from "./required-state.ts";
import { createRoomLists } from "./room-list.ts";
import type { SentState } from "./sent-state.ts";
import type { Turn } from "./turn.ts";

/** An answer in the form of no dialect. */
export interface SlidingSyncAnswer {
  readonly pos: string;
  /** Of each list: how many rooms match it. */
  readonly counts: ReadonlyMap<string, number>;
  /** By room id. */
  readonly rooms: ReadonlyMap<string, AnsweredRoom>;
  readonly extensions: ExtensionsAnswer;
}

export interface TurnResult {
  /** Whether there is anything that a client waits for. */
  readonly news: boolean;
  /** Makes it the answer: the connection remembers what it sends. */
  answer(): SlidingSyncAnswer;
}

/**
 * Finds what a request is to be answered with. That costs what changed for the user and what was not sent yet; where
 * nothing did, and the request asks for the same as before, the number of rooms does not matter.
 */
export function createSlidingSync(matrix: MatrixContext): (turn: Turn) => Promise<TurnResult> {
  const readList = createRoomLists(matrix);
  const bumpStamps = createBumpStamps(matrix.database);
  const lazyMembers = createLazyMembers();

  return async function slidingSync(turn) {
    const { userId, deviceId, request, connection, sent } = turn;
    const { pos } = request;
    const now = { so: matrix.stream.current(), typing: matrix.typing.serial() };
    // The clock went back over a restart, and the serial with it: what is being typed is told again.
    const typingSince = pos && pos.typing <= now.typing ? pos.typing : 0;
    const number = connection.lastAnswer + 1;
    const device = deviceExtensions(matrix, request, { userId, deviceId, since: pos?.so, now: now.so });

    function result(found: RoomsResult): TurnResult {
      return {
        news: device.news || found.rooms.size > 0 || Object.keys(found.extensions).length > 0,
        answer() {
          const state = found.changed ? matrix.slidingConnections.keep(connection, found.changed) : sent;
          state.settled = found.complete ? { asked: request.asked, counts: found.counts } : undefined;
          connection.lastAnswer = Math.max(connection.lastAnswer, number);
          const { instance } = connection;
          return {
            pos: formatPos({ ...now, instance, state: state.number, answer: number }),
            counts: found.counts,
            rooms: found.rooms,
            extensions: { ...device.answer, ...found.extensions },
          };
        },
      };
    }

    const { settled } = sent;
    if (pos && settled?.asked === request.asked && !mayConcern(matrix, userId, sent, pos.so, typingSince)) {
      return result({
        counts: settled.counts,
        rooms: new Map(),
        extensions: {},
        changed: undefined,
        complete: true,
      });
    }
    const holder = `${connection.name}\0${connection.instance}\0${connection.abandoned}`;
    const sentMembers: SentMembers = {
      knows: (room, member, so) => lazyMembers.knows(holder, room, member, so, pos?.answer ?? 0),
      sent: (room, member, so) => lazyMembers.sent(holder, room, member, so, number),
    };
    return result(
      await readRooms(
        { matrix, readList, bumpStamps, sentMembers },
        { ...turn, since: pos?.so, now: now.so, typingSince },
      ),
    );
  };
}

/** Whether anything happened since that this connection may have to tell. */
function mayConcern(
  matrix: MatrixContext,
  userId: string,
  sent: SentState,
  since: number,
  typingSince: number,
): boolean {
  if (matrix.waiters.lastChange(userId) > since) return true;
  return matrix.typing.changedSince(typingSince).some((nid) => sent.rooms.has(nid));
}

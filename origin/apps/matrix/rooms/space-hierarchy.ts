import { randomBytes } from "node:crypto";
import type { JsonObject, RoomEvent } from "../events/event.ts";
import { forbidden, invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { maySeeSummary, roomType, summariseRoom } from "./describe-room.ts";
import type { Room } from "./room.ts";

export interface HierarchyQuestion {
  readonly userId: string;
  /** The space at which the walk begins. */
  readonly roomId: string;
  /** At least 1. */
  readonly limit: number;
  /** How far below the first space; undefined: as far as the server goes, or as the first page said. */
  readonly maxDepth: number | undefined;
  readonly suggestedOnly: boolean | undefined;
  /** `next_batch` of the page before. */
  readonly from: string | undefined;
}

export interface HierarchyPage {
  readonly rooms: JsonObject[];
  readonly next_batch?: string;
}

/** Pages through a tree of spaces, depth first. Throws 403 M_FORBIDDEN and 400 M_INVALID_PARAM. */
export type SpaceHierarchy = (question: HierarchyQuestion) => HierarchyPage;

/** A walk that a page has interrupted. Never changed: a client may ask for the same page again. */
interface Walk {
  readonly userId: string;
  readonly roomId: string;
  readonly maxDepth: number;
  readonly suggestedOnly: boolean;
  readonly expires: number;
  /** Still to be visited, the next one last. */
  readonly ahead: readonly Step[];
  readonly visited: ReadonlySet<string>;
}

interface Step {
  readonly roomId: string;
  readonly depth: number;
}

const largestPage = 50;
/** Rooms looked at for one page; of those that the user may not see there can be any number. */
const mostLooks = 200;
/** In one tree, over all pages. */
const mostRooms = 5000;
const deepest = 100;
/** Walks kept for their next page, over all users; the oldest goes first. */
const mostWalks = 200;
const walkLifetimeMs = 10 * 60 * 1000;

/** The walks are kept in memory: after a restart a client begins anew, as the specification foresees. */
export function createSpaceHierarchy(matrix: MatrixContext): SpaceHierarchy {
  const walks = new Map<string, Walk>();

  function keep(walk: Walk): string {
    const oldest = walks.keys().next().value;
    if (walks.size >= mostWalks && oldest !== undefined) walks.delete(oldest);
    const token = randomBytes(18).toString("base64url");
    walks.set(token, walk);
    return token;
  }

  function begin(question: HierarchyQuestion): Walk {
    const { userId, roomId, maxDepth = deepest, suggestedOnly = false } = question;
    return {
      userId,
      roomId,
      maxDepth: Math.min(maxDepth, deepest),
      suggestedOnly,
      expires: 0,
      ahead: [{ roomId, depth: 0 }],
      visited: new Set(),
    };
  }

  function resume(question: HierarchyQuestion, token: string): Walk {
    const walk = walks.get(token);
    const { userId, roomId, maxDepth, suggestedOnly } = question;
    if (!walk || walk.userId !== userId || walk.roomId !== roomId || walk.expires < matrix.now()) {
      throw invalidParam("from is no token of this space's, or an old one: ask without it.");
    }
    if (
      (maxDepth !== undefined && Math.min(maxDepth, deepest) !== walk.maxDepth) ||
      (suggestedOnly !== undefined && suggestedOnly !== walk.suggestedOnly)
    ) {
      throw invalidParam("max_depth and suggested_only cannot change from one page to the next.");
    }
    return walk;
  }

  return (question) => {
    const { userId, roomId } = question;
    const root = matrix.rooms.get(roomId);
    if (!root || !maySeeSummary(matrix, root, userId)) {
      throw forbidden("There is no such space, or you may not see it.");
    }
    const walk = question.from === undefined ? begin(question) : resume(question, question.from);
    const limit = Math.min(question.limit, largestPage);
    const ahead = [...walk.ahead];
    const visited = new Set(walk.visited);
    const rooms: JsonObject[] = [];
    for (let looks = 0; looks < mostLooks && rooms.length < limit && visited.size < mostRooms; ) {
      const step = ahead.pop();
      if (!step) break;
      if (visited.has(step.roomId)) continue;
      visited.add(step.roomId);
      looks += 1;
      const room = matrix.rooms.get(step.roomId);
      if (!room || !maySeeSummary(matrix, room, userId)) continue;
      const children = childrenOf(room, walk.suggestedOnly);
      rooms.push({ ...summariseRoom(room), children_state: children.map(stripChild) });
      if (step.depth >= walk.maxDepth) continue;
      for (const child of children.toReversed()) {
        const childId = child.pdu.state_key ?? "";
        if (!visited.has(childId)) ahead.push({ roomId: childId, depth: step.depth + 1 });
      }
    }
    if (visited.size >= mostRooms || ahead.every((step) => visited.has(step.roomId))) return { rooms };
    const expires = matrix.now() + walkLifetimeMs;
    return { rooms, next_batch: keep({ ...walk, expires, ahead, visited }) };
  };
}

/** The links that hold, in the order in which clients show them (specification §Ordering of children within a space). */
function childrenOf(room: Room, suggestedOnly: boolean): RoomEvent[] {
  if (roomType(room) !== "m.space") return [];
  const children: RoomEvent[] = [];
  for (const event of room.state.values()) {
    const { type, state_key: child = "", content } = event.pdu;
    if (type !== "m.space.child" || !child.startsWith("!")) continue;
    // A link without servers is one that was taken away.
    if (!Array.isArray(content["via"]) || content["via"].length === 0) continue;
    if (suggestedOnly && content["suggested"] !== true) continue;
    children.push(event);
  }
  return children.toSorted(compareChildren);
}

function compareChildren(one: RoomEvent, other: RoomEvent): number {
  const [first, second] = [orderOf(one), orderOf(other)];
  if (first !== second) {
    // Those without an order come after all the others.
    if (first === undefined) return 1;
    if (second === undefined) return -1;
    return first < second ? -1 : 1;
  }
  const byTime = one.pdu.origin_server_ts - other.pdu.origin_server_ts;
  if (byTime !== 0) return byTime;
  return (one.pdu.state_key ?? "") < (other.pdu.state_key ?? "") ? -1 : 1;
}

function orderOf(event: RoomEvent): string | undefined {
  const { order } = event.pdu.content;
  return typeof order === "string" && /^[\x20-\x7e]{1,50}$/.test(order) ? order : undefined;
}

function stripChild({ pdu }: RoomEvent): JsonObject {
  return {
    type: pdu.type,
    state_key: pdu.state_key ?? "",
    sender: pdu.sender,
    content: pdu.content,
    origin_server_ts: pdu.origin_server_ts,
  };
}

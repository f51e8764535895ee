import type { JsonObject, Pdu, RoomEvent } from "../events/event.ts";
import { redactPdu } from "../events/redact.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { latestEdits } from "./latest-edits.ts";
import type { RoomReader } from "./visibility.ts";

/** An event as the client-server API shows it (specification §Room event format). */
export interface ClientEvent {
  content: JsonObject;
  event_id: string;
  origin_server_ts: number;
  /** Left out in /sync, where the room is named once. */
  room_id?: string;
  sender: string;
  state_key?: string;
  type: string;
  redacts?: string;
  unsigned: ClientUnsigned;
}

interface ClientUnsigned {
  age: number;
  membership: string;
  transaction_id?: string;
  redacted_because?: ClientEvent;
  prev_content?: JsonObject;
  replaces_state?: string;
  "m.relations"?: Bundle;
}

interface Bundle {
  "m.replace"?: ClientEvent;
  "m.reference"?: { chunk: { event_id: string }[] };
  "m.thread"?: { latest_event: ClientEvent; count: number; current_user_participated: boolean };
}

/** For whom an event is shown. `reader` is theirs, for the room of the event. */
export interface EventView {
  readonly userId: string;
  readonly deviceId: string;
  readonly reader: Pick<RoomReader, "membershipAt" | "mayReadAt" | "couldReadAt" | "until">;
  readonly withRoomId: boolean;
}

/**
 * One event, without bundled aggregations: right for a live event, to which nothing relates yet. What a redacted or
 * a state event needs besides is read with it.
 */
export function toClientEvent(matrix: MatrixContext, event: RoomEvent, view: EventView): ClientEvent {
  return show(matrix, event, view, surroundingsOf(matrix, [event]));
}

/**
 * Events of one room, in their order. What they need besides (redactions, replaced state and, unless `bundle` is
 * false, bundled aggregations: specification §Aggregations of child events) is read at once for all of them.
 */
export function toClientEvents(
  matrix: MatrixContext,
  events: readonly RoomEvent[],
  view: EventView,
  options: { bundle?: boolean } = {},
): ClientEvent[] {
  const surroundings = surroundingsOf(matrix, events);
  const bundles = options.bundle === false ? undefined : bundlesOf(matrix, events, view, true);
  return events.map((event) => {
    const shown = show(matrix, event, view, surroundings);
    const bundle = bundles?.get(event.eventId);
    if (bundle) shown.unsigned["m.relations"] = bundle;
    return shown;
  });
}

/**
 * The `state` of an answer: as it is shown there, what it replaced is of no interest, and leaving that out keeps a
 * large room's state cheap.
 */
export function toClientState(
  matrix: MatrixContext,
  events: readonly RoomEvent[],
  view: EventView,
): ClientEvent[] {
  const redactions = redactionsOf(matrix, events);
  return events.map((event) => show(matrix, event, view, { redactions, replaced: none }));
}

interface Surroundings {
  /** By their own event ids. */
  readonly redactions: ReadonlyMap<string, RoomEvent>;
  /** By the position of the state event that took the place. */
  readonly replaced: ReadonlyMap<number, RoomEvent>;
}

const none: ReadonlyMap<number, RoomEvent> = new Map();

function surroundingsOf(matrix: MatrixContext, events: readonly RoomEvent[]): Surroundings {
  return { redactions: redactionsOf(matrix, events), replaced: matrix.events.replacedBy(events) };
}

function redactionsOf(matrix: MatrixContext, events: readonly RoomEvent[]): Map<string, RoomEvent> {
  const ids: string[] = [];
  for (const { redactedBy } of events) if (redactedBy !== null) ids.push(redactedBy);
  return matrix.events.byIds(ids);
}

function show(matrix: MatrixContext, event: RoomEvent, view: EventView, around: Surroundings): ClientEvent {
  const pdu = shownPdu(matrix, event, view);
  const unsigned: ClientUnsigned = {
    age: Math.max(0, matrix.now() - pdu.origin_server_ts),
    // MSC4115: as it was once the event had taken effect.
    membership: view.reader.membershipAt(event.so),
  };
  const shown: ClientEvent = {
    content: pdu.content,
    event_id: event.eventId,
    origin_server_ts: pdu.origin_server_ts,
    sender: pdu.sender,
    type: pdu.type,
    unsigned,
  };
  if (view.withRoomId) shown.room_id = event.roomId;
  if (pdu.state_key !== undefined) {
    shown.state_key = pdu.state_key;
    const before = around.replaced.get(event.so);
    if (before) {
      unsigned.prev_content = shownPdu(matrix, before, view).content;
      unsigned.replaces_state = before.eventId;
    }
  }
  if (pdu.type === "m.room.redaction") showRedacts(shown, event);
  if (pdu.sender === view.userId) {
    const txnId = matrix.events.transactionOf(event, view.userId, view.deviceId);
    if (txnId !== undefined) unsigned.transaction_id = txnId;
  }
  const redaction = event.redactedBy === null ? undefined : around.redactions.get(event.redactedBy);
  if (redaction) {
    const because = show(matrix, redaction, view, nothingAround);
    // Who has left sees that the event is gone, as it is, but not what was said after they went.
    unsigned.redacted_because = view.reader.mayReadAt(redaction.so) ? because : { ...because, content: {} };
  }
  return shown;
}

/**
 * The event itself, or what a redaction would leave of it: the words and the profile of somebody who was erased are
 * for those alone who could read them before. What they set for the room, its name for one, is the room's.
 */
function shownPdu(matrix: MatrixContext, event: RoomEvent, view: EventView): Pdu {
  const { pdu, so } = event;
  const erasedAt = matrix.erasedUsers.erasedAt(pdu.sender);
  if (erasedAt === undefined || (pdu.state_key !== undefined && pdu.type !== "m.room.member")) return pdu;
  if (view.reader.couldReadAt(so, erasedAt)) return pdu;
  const version = matrix.rooms.get(event.roomId)?.version;
  return version ? redactPdu(pdu, version) : pdu;
}

const nothingAround: Surroundings = { redactions: new Map(), replaced: none };

/** Old clients look at the top level, new ones in the content: each gets it there (specification §m.room.redaction). */
function showRedacts(shown: ClientEvent, event: RoomEvent): void {
  const inside = event.pdu.content["redacts"];
  const redacts = event.pdu.redacts ?? (typeof inside === "string" ? inside : undefined);
  if (redacts === undefined) return;
  shown.redacts = redacts;
  shown.content = { ...event.pdu.content, redacts };
}

/** By the id of the event that they belong to. A redacted event has no edits any more, but its thread goes on. */
function bundlesOf(
  matrix: MatrixContext,
  events: readonly RoomEvent[],
  view: EventView,
  withThreads: boolean,
): Map<string, Bundle> {
  const bundles = new Map<string, Bundle>();
  const targets = new Map<string, RoomEvent>();
  for (const event of events) if (event.pdu.state_key === undefined) targets.set(event.eventId, event);
  if (targets.size === 0) return bundles;
  const ids = [...targets.keys()];
  const upTo = view.reader.until ?? Number.MAX_SAFE_INTEGER;
  const ignored = matrix.accountData.ignored(view.userId);
  const bundleOf = (id: string): Bundle => {
    let bundle = bundles.get(id);
    if (!bundle) bundles.set(id, (bundle = {}));
    return bundle;
  };

  const related = matrix.relations
    .editsAndReferences(ids, upTo, ignored)
    .filter((relating) => view.reader.mayReadAt(relating.so));
  for (const { relType, target, eventId } of related) {
    if (relType !== "m.reference") continue;
    const references = (bundleOf(target)["m.reference"] ??= { chunk: [] });
    references.chunk.push({ event_id: eventId });
  }
  const edits = latestEdits(targets, related);
  const threads = withThreads
    ? matrix.relations.threads(ids, upTo, ignored, view.userId).filter((thread) => thread.count > 0)
    : [];

  const needed = [...edits.values()].map((edit) => edit.eventId);
  const loaded = matrix.events.byIds([...needed, ...threads.map((thread) => thread.latestId)]);
  for (const [id, edit] of edits) {
    const event = loaded.get(edit.eventId);
    if (event) bundleOf(id)["m.replace"] = show(matrix, event, view, nothingAround);
  }
  const latest = threads.flatMap((thread) => loaded.get(thread.latestId) ?? []);
  const nested = latest.length > 0 ? bundlesOf(matrix, latest, view, false) : undefined;
  for (const thread of threads) {
    const event = loaded.get(thread.latestId);
    if (!event || !view.reader.mayReadAt(event.so)) continue;
    const shown = show(matrix, event, view, nothingAround);
    const inner = nested?.get(event.eventId);
    if (inner) shown.unsigned["m.relations"] = inner;
    bundleOf(thread.target)["m.thread"] = {
      latest_event: shown,
      count: thread.count,
      current_user_participated:
        thread.participated === 1 || targets.get(thread.target)?.pdu.sender === view.userId,
    };
  }
  return bundles;
}

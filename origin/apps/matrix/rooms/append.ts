import type { NewSessions } from "../e2ee/new-sessions.ts";
import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import { authorise, mayRedact } from "../events/authorise.ts";
import { checkEvent } from "../events/check-event.ts";
import type { JsonObject, Pdu, RoomEvent } from "../events/event.ts";
import { contentHash, eventIdOf, roomIdOfCreate } from "../events/event-id.ts";
import { redactPdu } from "../events/redact.ts";
import type { RoomVersion } from "../events/room-version.ts";
import { forbidden, MatrixError, notFound } from "../matrix-error.ts";
import type { PushCounter } from "../push/push-counter.ts";
import type { Stream } from "../store/stream.ts";
import type { Waiters } from "../sync/waiters.ts";
import type { DelayedEvents } from "./delayed-events.ts";
import type { EventStore } from "./event-store.ts";
import { type Membership, type Room, stateKey } from "./room.ts";
import { applyState, type RoomStore } from "./room-store.ts";
import type { ThreadStore } from "./thread-store.ts";
import type { SearchIndex } from "../search/search-index.ts";

/** What a client asks for; the rest of the event is the server's to fill in. */
export interface EventDraft {
  readonly type: string;
  /** Present (also empty) for a state event. */
  readonly stateKey?: string;
  readonly sender: string;
  readonly content: JsonObject;
  /** Of m.room.redaction: the event id to strip. */
  readonly redacts?: string;
  /** The member in whose name the server lets the sender into a restricted room, having looked at its `allow` rooms. */
  readonly vouchedBy?: string;
  /** The server's own act, ordered by its owner: the room's rules do not judge it. */
  readonly byServer?: true;
  /** The device and transaction id, returned to that device alone as `unsigned.transaction_id`. */
  readonly transaction?: { readonly deviceId: string; readonly txnId: string };
}

/**
 * The only door through which an event enters a room. Inside one write it checks the event's form, judges it by
 * the rules of the room's version, gives it its id (a hash) and its place in the stream, stores it, updates the
 * state, memberships and threads, strips what it redacts, counts it for everyone's unread marks, and after the commit
 * wakes those whom it concerns. Throws MatrixError, having changed nothing.
 */
export interface Append {
  (transaction: Transaction, room: Room, draft: EventDraft): RoomEvent;
  /** Makes a room with its create event; in version 12 the room's id is that event's hash. */
  create(transaction: Transaction, version: RoomVersion, draft: EventDraft, newRoomId: () => string): Room;
}

export function createAppend(parts: {
  database: Database;
  stream: Stream;
  rooms: RoomStore;
  events: EventStore;
  threads: ThreadStore;
  searchIndex: SearchIndex;
  waiters: Waiters;
  pushCounter: PushCounter;
  delayedEvents: Pick<DelayedEvents, "stateSet">;
  newSessions: Pick<NewSessions, "sent">;
  now: () => number;
}): Append {
  const { database, stream, rooms, events, threads, searchIndex } = parts;
  const { waiters, pushCounter, delayedEvents, newSessions, now } = parts;
  const insertEvent = database.prepare(
    `INSERT INTO events (so, room, event_id, type, state_key, sender, origin_ts, pdu, rel_type, relates_to, sender_device, txn_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const endState = database.prepare(
    "UPDATE state SET to_so = ? WHERE room = ? AND type = ? AND state_key = ? AND from_so = ?",
  );
  const beginState = database.prepare(
    "INSERT INTO state (room, type, state_key, from_so) VALUES (?, ?, ?, ?)",
  );
  const saveMembership = database.prepare(
    `INSERT INTO memberships (user, room, membership, so) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET membership = excluded.membership, so = excluded.so,
       forgotten = CASE WHEN excluded.membership IN ('join', 'invite', 'knock') THEN 0 ELSE forgotten END`,
  );
  const strip = database.prepare(
    "UPDATE events SET pdu = ?, redacted_by = ?, rel_type = NULL, relates_to = NULL WHERE so = ?",
  );
  const sameAnnotation = database.prepare<{ pdu: string }>(
    "SELECT pdu FROM events WHERE relates_to = ? AND rel_type = 'm.annotation' AND sender = ? AND type = ?",
  );

  function append(transaction: Transaction, room: Room, draft: EventDraft): RoomEvent {
    const pdu = buildPdu(room, draft, now());
    if (room.deleted && pdu.content["membership"] !== "leave")
      throw forbidden("The owner of this server has deleted this room.");
    const target = draft.type === "m.room.redaction" ? redactionTarget(room, pdu, draft) : undefined;
    if (!draft.byServer) {
      authorise(pdu, room, draft.vouchedBy === undefined ? {} : { vouchedBy: draft.vouchedBy });
    }
    const relation = relationWithin(room, pdu);
    return store(transaction, room, pdu, draft, relation, target);
  }

  function store(
    transaction: Transaction,
    room: Room,
    pdu: Pdu,
    draft: EventDraft,
    relation: RelationInRoom | undefined,
    redacted: RoomEvent | undefined,
  ): RoomEvent {
    const text = JSON.stringify(pdu);
    const eventId = eventIdOf(pdu, room.version);
    const so = stream.next(transaction);
    const event: RoomEvent = { so, eventId, roomId: room.roomId, pdu, redactedBy: null };
    transaction.onRollback(() => rooms.forget(room));

    insertEvent.run(
      so,
      room.nid,
      eventId,
      pdu.type,
      pdu.state_key ?? null,
      pdu.sender,
      pdu.origin_server_ts,
      text,
      relation?.relType ?? null,
      relation?.eventId ?? null,
      draft.transaction?.deviceId ?? null,
      draft.transaction?.txnId ?? null,
    );
    events.stored(transaction, event, draft.transaction);
    // Whoever was there before the event must hear of it too: somebody who is leaving, for one. And who looks in from
    // outside waits for the room.
    const concerned = new Set(room.joined).add(room.roomId);
    if (pdu.state_key !== undefined) {
      const before = room.state.get(stateKey(pdu.type, pdu.state_key));
      if (before) endState.run(so, room.nid, pdu.type, pdu.state_key, before.so);
      beginState.run(room.nid, pdu.type, pdu.state_key, so);
      applyState(room, event);
      delayedEvents.stateSet(transaction, room.roomId, pdu.type, pdu.state_key, pdu.sender);
      if (pdu.type === "m.room.member") {
        saveMembership.run(pdu.state_key, room.nid, pdu.content["membership"] as Membership, so);
        concerned.add(pdu.state_key);
      }
    }
    room.last = { eventId, so, depth: pdu.depth };
    if (redacted) stripEvent(transaction, room, redacted, eventId);
    const thread = relation?.relType === "m.thread" ? relation.target : undefined;
    if (thread) threads.replied(room, thread, event);
    pushCounter.count(transaction, room, event, thread?.eventId ?? "main");
    transaction.afterCommit(() => {
      if (draft.transaction) newSessions.sent(event, draft.transaction.deviceId);
      searchIndex.appended(event);
      waiters.notify(concerned, so);
    });
    return event;
  }

  /** The event that a redaction strips: it must be in the room, and the sender allowed to strip it. */
  function redactionTarget(room: Room, pdu: Pdu, { redacts, byServer }: EventDraft): RoomEvent {
    const target = redacts === undefined ? undefined : events.byId(redacts);
    if (!target || target.roomId !== room.roomId)
      throw notFound("There is no such event in this room to redact.");
    if (!byServer && !mayRedact(pdu.sender, target.pdu.sender, room)) {
      throw forbidden("You need the redact power level to remove someone else's message.");
    }
    // Up to version 10 it would take the room's type and links with it.
    if (target.pdu.type === "m.room.create")
      throw forbidden("The create event of a room cannot be redacted.");
    return target;
  }

  function stripEvent(transaction: Transaction, room: Room, target: RoomEvent, redactionId: string): void {
    if (target.redactedBy !== null) return;
    const stripped: RoomEvent = {
      ...target,
      pdu: redactPdu(target.pdu, room.version),
      redactedBy: redactionId,
    };
    searchIndex.strip(room, target);
    strip.run(JSON.stringify(stripped.pdu), redactionId, target.so);
    const relation = relationOf(target.pdu);
    if (relation?.relType === "m.thread") threads.unreplied(room, relation.eventId, target.pdu.sender);
    pushCounter.uncount(transaction, room, target.so);
    events.changed(target.so);
    transaction.onRollback(() => events.changed(target.so));
    const key = target.pdu.state_key;
    if (key !== undefined && room.state.get(stateKey(target.pdu.type, key))?.so === target.so) {
      applyState(room, stripped);
    }
  }

  /**
   * What the event relates to, where that is an event of this room: nobody may hang their words on a message in a
   * room they are not in. Specification §Annotating events, §Threading: one reaction a person, and no thread inside
   * a relation.
   */
  function relationWithin(room: Room, pdu: Pdu): RelationInRoom | undefined {
    const relation = relationOf(pdu);
    const target = relation && events.byId(relation.eventId);
    if (!relation || target?.roomId !== room.roomId) return undefined;
    if (relation.relType === "m.annotation") {
      for (const row of sameAnnotation.iterate(relation.eventId, pdu.sender, pdu.type)) {
        if (relationOf(JSON.parse(row.pdu) as Pdu)?.key === relation.key) {
          throw new MatrixError(400, "M_DUPLICATE_ANNOTATION", "You have already sent this reaction.");
        }
      }
    }
    if (relation.relType === "m.thread" && relationOf(target.pdu)) {
      throw new MatrixError(
        400,
        "M_UNKNOWN",
        "A thread cannot start from an event that relates to another event.",
      );
    }
    return { ...relation, target };
  }

  /** Two rooms made alike in one millisecond would be one by their hash: the later one is dated on. */
  function hashedCreate(draft: EventDraft, version: RoomVersion): { pdu: Pdu; roomId: string } {
    for (let time = now(); ; time += 1) {
      const pdu = withHash(draftPdu(draft, time));
      const roomId = roomIdOfCreate(pdu, version);
      if (!rooms.get(roomId)) return { pdu, roomId };
    }
  }

  function namedCreate(draft: EventDraft, roomId: string): { pdu: Pdu; roomId: string } {
    return { pdu: withHash(draftPdu(draft, now(), roomId)), roomId };
  }

  return Object.assign(append, {
    create(transaction: Transaction, version: RoomVersion, draft: EventDraft, newRoomId: () => string): Room {
      const { pdu, roomId } = version.roomIdIsHash
        ? hashedCreate(draft, version)
        : namedCreate(draft, newRoomId());
      const room = rooms.create(transaction, roomId, version);
      authorise(pdu, room);
      store(transaction, room, pdu, draft, undefined, undefined);
      return room;
    },
  });
}

/** With its keys in the order of canonical JSON, which spares both hashes a sort. */
function draftPdu(draft: EventDraft, now: number, roomId?: string): Omit<Pdu, "hashes"> {
  return {
    auth_events: [],
    content: draft.content,
    depth: 1,
    origin_server_ts: now,
    prev_events: [],
    ...(roomId !== undefined && { room_id: roomId }),
    sender: draft.sender,
    ...(draft.stateKey !== undefined && { state_key: draft.stateKey }),
    type: draft.type,
  };
}

function buildPdu(room: Room, draft: EventDraft, now: number): Pdu {
  const last = room.last;
  const redaction =
    draft.redacts === undefined
      ? {}
      : room.version.redactsInContent
        ? { content: { ...draft.content, redacts: draft.redacts } }
        : { redacts: draft.redacts };
  return withHash({
    ...draftPdu(draft, now, room.roomId),
    ...redaction,
    prev_events: last ? [last.eventId] : [],
    auth_events: authEvents(room, draft),
    depth: (last?.depth ?? 0) + 1,
  });
}

/** Form before rules: an event that cannot be hashed or is too large is refused as such. */
function withHash(pdu: Omit<Pdu, "hashes">): Pdu {
  const complete: Pdu = { ...pdu, hashes: { sha256: contentHash(pdu) } };
  checkEvent(complete);
  return complete;
}

/** Specification, server-server §Auth events selection. */
function authEvents(room: Room, draft: EventDraft): string[] {
  const ids: string[] = [];
  const add = (type: string, key: string): void => {
    const id = room.state.get(stateKey(type, key))?.eventId;
    if (id !== undefined && !ids.includes(id)) ids.push(id);
  };
  if (!room.version.roomIdIsHash) add("m.room.create", "");
  add("m.room.power_levels", "");
  add("m.room.member", draft.sender);
  if (draft.type === "m.room.member" && draft.stateKey !== undefined) {
    add("m.room.member", draft.stateKey);
    const { membership, join_authorised_via_users_server: via } = draft.content;
    if (membership === "join" || membership === "invite" || membership === "knock")
      add("m.room.join_rules", "");
    if (typeof via === "string") add("m.room.member", via);
  }
  return ids;
}

export interface Relation {
  readonly relType: string;
  readonly eventId: string;
  /** Of an annotation: the reaction. */
  readonly key: unknown;
}

interface RelationInRoom extends Relation {
  readonly target: RoomEvent;
}

/** The event's `m.relates_to`, where it is well-formed. */
export function relationOf(pdu: Pdu): Relation | undefined {
  const relation = pdu.content["m.relates_to"];
  if (typeof relation !== "object" || relation === null || Array.isArray(relation)) return undefined;
  const { rel_type: relType, event_id: eventId, key } = relation;
  return typeof relType === "string" && typeof eventId === "string" ? { relType, eventId, key } : undefined;
}

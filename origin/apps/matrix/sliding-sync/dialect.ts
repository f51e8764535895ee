import type { RoomUpdate } from "./room-update.ts";
import type { Dialect, SlidingSyncRequest } from "./request.ts";
import type { AnsweredRoom } from "./read-rooms.ts";
import type { SlidingSyncAnswer } from "./sliding-sync.ts";

/** The body of an answer, with the names that the client's dialect has for things (MSC4186 §Changelog). */
export function toBody(answer: SlidingSyncAnswer, { dialect, txnId }: SlidingSyncRequest): object {
  const lists = Object.fromEntries([...answer.counts].map(([name, count]) => [name, { count }]));
  const rooms = Object.fromEntries(
    [...answer.rooms].map(([roomId, room]) => [roomId, toRoomBody(room, dialect)]),
  );
  return {
    ...(txnId !== undefined && { txn_id: txnId }),
    pos: answer.pos,
    lists,
    rooms,
    extensions: answer.extensions,
  };
}

function toRoomBody({ update, lists }: AnsweredRoom, dialect: Dialect): object {
  return {
    ...toCommonBody(update),
    ...(dialect === "accepted" ? toAcceptedBody(update, lists) : toUnstableBody(update)),
  };
}

function toCommonBody(update: RoomUpdate): object {
  const { timeline } = update;
  return {
    ...(update.initial && { initial: true }),
    ...(update.avatar !== undefined && { avatar: update.avatar }),
    ...(update.heroes && { heroes: update.heroes }),
    ...(update.isDm !== undefined && { is_dm: update.isDm }),
    ...(update.requiredState && { required_state: update.requiredState }),
    ...(timeline && {
      prev_batch: timeline.prevBatch,
      limited: timeline.limited,
      num_live: timeline.live,
    }),
    ...(update.joinedCount !== undefined && { joined_count: update.joinedCount }),
    ...(update.invitedCount !== undefined && { invited_count: update.invitedCount }),
    ...(update.notificationCount !== undefined && { notification_count: update.notificationCount }),
    ...(update.highlightCount !== undefined && { highlight_count: update.highlightCount }),
    ...(update.bumpStamp !== undefined && { bump_stamp: update.bumpStamp }),
  };
}

function toAcceptedBody(update: RoomUpdate, lists: readonly string[]): object {
  const { timeline } = update;
  return {
    membership: update.membership,
    ...(lists.length > 0 && { lists }),
    ...(update.name !== undefined && { name: update.name }),
    ...(update.strippedState && { stripped_state: update.strippedState }),
    ...(timeline && { timeline_events: timeline.events }),
    ...(timeline?.expanded && { expanded_timeline: true }),
  };
}

function toUnstableBody(update: RoomUpdate): object {
  const { timeline } = update;
  return {
    ...(typeof update.name === "string" && { name: update.name }),
    ...(update.strippedState && { invite_state: update.strippedState }),
    ...(timeline && { timeline: timeline.events }),
    ...(timeline?.expanded && { unstable_expanded_timeline: true }),
  };
}

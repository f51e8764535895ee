/** The requests of the three sliding-sync connections that the Rust SDK opens, and Element X with it, as they are sent. */

const requiredState = [
  ["m.room.name", ""],
  ["m.room.encryption", ""],
  ["m.room.member", "$LAZY"],
  ["m.room.member", "$ME"],
  ["m.room.topic", ""],
  ["m.room.avatar", ""],
  ["m.room.canonical_alias", ""],
  ["m.room.power_levels", ""],
  ["org.matrix.msc3401.call.member", "*"],
  ["m.room.join_rules", ""],
  ["m.room.tombstone", ""],
  ["m.room.create", ""],
  ["m.room.history_visibility", ""],
  ["io.element.functional_members", ""],
  ["m.space.parent", "*"],
  ["m.space.child", "*"],
  ["org.matrix.msc3672.beacon_info", "*"],
];

/** The list of rooms from the first to the one at `last`, and the rooms that are open on the screen. */
export const roomList = (last: number, subscribed: Iterable<string> = []): object => {
  const opened = [...subscribed];
  return {
    conn_id: "room-list",
    lists: {
      all_rooms: { ranges: [[0, last]], required_state: requiredState, timeline_limit: 1, filters: {} },
    },
    ...(opened.length > 0 && {
      room_subscriptions: Object.fromEntries(
        opened.map((id) => [
          id,
          { required_state: [...requiredState, ["m.room.pinned_events", ""]], timeline_limit: 20 },
        ]),
      ),
    }),
    extensions: {
      account_data: { enabled: true },
      receipts: { enabled: true, rooms: ["*"] },
      typing: { enabled: true },
    },
  };
};

/** Messages to the device and what its keys need; `since` acknowledges the messages up to it. */
export const encryption = (since?: string): object => ({
  conn_id: "encryption",
  extensions: {
    to_device: { enabled: true, ...(since !== undefined && { since }) },
    e2ee: { enabled: true },
  },
});

/** What a push is about. */
export const notifications = (roomId: string): object => {
  const required_state = requiredState.filter(([type]) => type !== "m.room.topic");
  return {
    conn_id: "notifications",
    lists: {
      invites: { ranges: [[0, 16]], required_state, timeline_limit: 8, filters: { is_invite: true } },
    },
    room_subscriptions: { [roomId]: { required_state, timeline_limit: 16 } },
    extensions: { account_data: { enabled: true } },
  };
};

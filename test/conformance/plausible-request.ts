/** For each operation that takes a body, one that it would take, as the place to begin to spoil it. */
export interface World {
  readonly userId: string;
  readonly other: string;
  readonly deviceId: string;
  readonly roomId: string;
  readonly eventId: string;
}

type Body = (world: World) => object;

const identifier = { type: "m.id.user", user: "ben" };
const auth: Body = () => ({ type: "m.login.password", session: "x", identifier, password: "wrong" });
const reason: Body = () => ({ reason: "because" });
const act: Body = ({ other }) => ({ user_id: other, reason: "because" });
const event: Body = ({ eventId, other }) => ({
  msgtype: "m.text",
  body: "hello",
  membership: "join",
  "m.mentions": { user_ids: [other], room: true },
  "m.relates_to": {
    rel_type: "m.thread",
    event_id: eventId,
    key: "x",
    "m.in_reply_to": { event_id: eventId },
  },
  redacts: eventId,
});
const signedKey: Body = ({ userId }) => ({
  user_id: userId,
  usage: ["master"],
  keys: { "ed25519:abc": "abc" },
  signatures: { [userId]: { "ed25519:abc": "abc" } },
});

const keyUpload = (userId: string, deviceId: string) => ({
  device_keys: {
    user_id: userId,
    device_id: deviceId,
    algorithms: ["m.megolm.v1.aes-sha2"],
    keys: { "ed25519:X": "abc" },
    signatures: { [userId]: { "ed25519:X": "abc" } },
  },
  one_time_keys: { "signed_curve25519:A": { key: "abc", signatures: {} } },
  fallback_keys: { "signed_curve25519:B": { key: "abc", fallback: true } },
});
const backup: Body = () => ({
  algorithm: "m.megolm_backup.v1.curve25519-aes-sha2",
  auth_data: { public_key: "abc", signatures: {} },
});
const roomKey = {
  first_message_index: 0,
  forwarded_count: 0,
  is_verified: true,
  session_data: { ciphertext: "abc" },
};

const client = "/_matrix/client/v3";
const resumable = "/_matrix/media/unstable/burrow/resumable";
const dehydrated = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
const slidingSync = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
const room = `${client}/rooms/:roomId`;
const threadSubscription =
  "/_matrix/client/unstable/io.element.msc4306/rooms/:roomId/thread/:threadRoot/subscription";
const owners = "/_burrow/admin/v1";

/** One room of the list is enough to spoil: each spoiled request is a new connection, with all that it asks for. */
const slide: Body = ({ roomId }) => ({
  conn_id: "main",
  lists: {
    all: { ranges: [[0, 0]], range: [0, 0], timeline_limit: 1, required_state: [["m.room.name", ""]] },
  },
  room_subscriptions: { [roomId]: { timeline_limit: 1, required_state: [["*", "*"]] } },
  extensions: { to_device: { enabled: true, limit: 1 }, receipts: { enabled: true, rooms: ["*"] } },
});

/** By method and path, as the operation is registered. */
const plausibleBodies: ReadonlyMap<string, Body> = new Map<string, Body>([
  [
    `POST ${client}/login`,
    // Without the password, whose derivation would take most of the test's time.
    () => ({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "ben" },
      user: "ben",
      device_id: "NEW",
      initial_device_display_name: "name",
      refresh_token: true,
    }),
  ],
  [`POST ${client}/logout`, () => ({})],
  [`POST ${client}/logout/all`, () => ({})],
  [`POST ${client}/refresh`, () => ({ refresh_token: "brt_x" })],
  [
    `POST ${client}/register`,
    () => ({
      username: "cleo",
      password: "violet anchor biscuit",
      device_id: "NEW",
      initial_device_display_name: "name",
      inhibit_login: false,
      refresh_token: true,
      auth: { type: "m.login.registration_token", token: "bit_x", session: "x" },
    }),
  ],
  [
    `POST ${client}/account/password`,
    () => ({
      new_password: "violet anchor biscuit",
      logout_devices: false,
      auth: { type: "x", session: "x" },
    }),
  ],
  [`POST ${client}/account/deactivate`, () => ({ erase: false, auth: { type: "x", session: "x" } })],
  [`PUT ${client}/devices/:deviceId`, () => ({ display_name: "name" })],
  [`DELETE ${client}/devices/:deviceId`, () => ({ auth: { type: "m.login.password", identifier: {} } })],
  [`POST ${client}/delete_devices`, (world) => ({ devices: ["x"], auth: { ...auth(world), type: "x" } })],
  [
    `POST ${client}/createRoom`,
    ({ other, userId }) => ({
      name: "name",
      topic: "topic",
      preset: "private_chat",
      visibility: "private",
      room_version: "11",
      is_direct: true,
      invite: [other],
      invite_3pid: [],
      creation_content: {
        "m.federate": true,
        type: "m.space",
        additional_creators: [other],
        predecessor: {},
      },
      power_level_content_override: {
        users: { [userId]: 100, [other]: 50 },
        events: { "m.room.name": 50 },
        ban: 50,
      },
      initial_state: [
        { type: "m.room.history_visibility", state_key: "", content: { history_visibility: "joined" } },
        { type: "org.example.state", state_key: userId, content: { x: 1 } },
      ],
    }),
  ],
  [`POST ${room}/join`, reason],
  [`POST ${client}/join/:roomIdOrAlias`, reason],
  [`POST ${client}/knock/:roomIdOrAlias`, reason],
  [`POST ${room}/leave`, reason],
  [`POST ${room}/forget`, () => ({})],
  [`POST ${room}/invite`, act],
  [`POST ${room}/kick`, act],
  [`POST ${room}/ban`, act],
  [`POST ${room}/unban`, act],
  [`POST ${room}/upgrade`, ({ other }) => ({ new_version: "11", additional_creators: [other] })],
  [`POST ${room}/upgrade`, ({ other }) => ({ new_version: "12", additional_creators: [other] })],
  [`PUT ${client}/directory/room/:roomAlias`, ({ roomId }) => ({ room_id: roomId })],
  [`POST ${client}/publicRooms`, () => ({ limit: 10, since: "x", filter: { generic_search_term: "x" } })],
  [`PUT ${client}/directory/list/room/:roomId`, () => ({ visibility: "private" })],
  [`PUT ${room}/state/:eventType`, event],
  [`PUT ${room}/state/:eventType/`, event],
  [`PUT ${room}/state/:eventType/:stateKey`, event],
  [`PUT ${room}/send/:eventType/:txnId`, event],
  [`POST ${room}/report`, reason],
  [`POST ${room}/report/:eventId`, reason],
  [`POST ${client}/users/:userId/report`, reason],
  ["PUT /_matrix/client/v1/admin/suspend/:userId", () => ({ suspended: false })],
  ["PUT /_matrix/client/v1/admin/lock/:userId", () => ({ locked: false })],
  [`POST ${owners}/members`, () => ({ name: "dora", password: "violet anchor biscuit" })],
  [`POST ${owners}/members/:name/password`, () => ({ password: "violet anchor biscuit" })],
  [`PUT ${owners}/members/:name/suspended`, () => ({ suspended: false })],
  [`PUT ${owners}/members/:name/locked`, () => ({ locked: false })],
  [`POST ${owners}/members/:name/sign-out`, () => ({})],
  [`POST ${owners}/members/:name/deactivate`, () => ({ erase: false })],
  [`POST ${owners}/members/:name/redact`, ({ roomId }) => ({ room_id: roomId, reason: "because" })],
  [
    `POST ${owners}/security/blocks`,
    () => ({ source: "198.51.100.7", expires_in_seconds: 60, reason: "because" }),
  ],
  [`POST ${owners}/invites`, () => ({ name: "for dora", uses: 1, expires_in_seconds: 60 })],
  [`DELETE ${owners}/rooms/:roomId`, reason],
  [`POST ${owners}/rooms/:roomId/purge-history`, () => ({ before: "2020-01-01T00:00:00Z" })],
  [
    `POST ${owners}/notices`,
    () => ({ members: ["ben"], text: "hello", content: { msgtype: "m.text", body: "hello" } }),
  ],
  [`POST ${owners}/reports/:id/resolve`, () => ({ note: "seen" })],
  [`PUT ${room}/redact/:eventId/:txnId`, reason],
  [
    `POST ${client}/user/:userId/filter`,
    ({ other, roomId }) => ({
      event_fields: ["content.body"],
      event_format: "client",
      presence: { types: ["m.*"], limit: 1 },
      account_data: { not_types: ["m.*"], senders: [other] },
      room: {
        rooms: [roomId],
        not_rooms: [],
        include_leave: true,
        timeline: { limit: 10, types: ["m.room.*"], contains_url: false, lazy_load_members: true },
        state: { not_senders: [other], include_redundant_members: true, related_by_rel_types: ["m.thread"] },
        ephemeral: { rooms: [roomId] },
        account_data: {},
      },
    }),
  ],
  [`PUT ${room}/typing/:userId`, () => ({ typing: true, timeout: 1000 })],
  [`POST ${room}/receipt/:receiptType/:eventId`, () => ({ thread_id: "main" })],
  [
    `POST ${room}/read_markers`,
    ({ eventId }) => ({ "m.fully_read": eventId, "m.read": eventId, "m.read.private": eventId }),
  ],
  [
    `PUT ${client}/profile/:userId/:keyName`,
    () => ({ displayname: "Ben", avatar_url: "mxc://x/y", "m.tz": "UTC" }),
  ],
  [`PUT ${client}/presence/:userId/status`, () => ({ presence: "online", status_msg: "Here" })],
  [
    "PUT /_matrix/client/unstable/uk.tcpip.msc4133/profile/:userId/:keyName",
    () => ({ displayname: "Ben", avatar_url: "mxc://x/y", "m.tz": "UTC" }),
  ],
  [
    "POST /_matrix/client/v1/login/get_token",
    () => ({ auth: { type: "m.login.password", session: "x", identifier } }),
  ],
  ["POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId", () => ({ action: "restart" })],
  ...["restart", "send", "cancel"].map((action): [string, Body] => [
    `POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId/${action}`,
    () => ({}),
  ]),
  ["POST /_matrix/client/v1/appservice/:appserviceId/ping", () => ({ transaction_id: "x" })],
  [`POST ${client}/user/:userId/openid/request_token`, () => ({})],
  ["POST /_matrix/key/v2/query", () => ({ server_keys: {} })],
  ...["", "/add", "/bind", "/delete", "/unbind"].map((end): [string, Body] => [
    `POST ${client}/account/3pid${end}`,
    () => ({ id_server: "x" }),
  ]),
  ...["register", "account/password", "account/3pid"].flatMap((path) =>
    ["email", "msisdn"].map((medium): [string, Body] => [
      `POST ${client}/${path}/${medium}/requestToken`,
      () => ({ id_server: "x" }),
    ]),
  ),
  [`POST ${client}/user_directory/search`, () => ({ search_term: "a", limit: 1 })],
  [
    `POST ${client}/search`,
    ({ roomId }) => ({
      search_categories: {
        room_events: {
          search_term: "hello",
          keys: ["content.body"],
          order_by: "recent",
          filter: { rooms: [roomId], limit: 5 },
          event_context: { before_limit: 1, after_limit: 1, include_profile: true },
          groupings: { group_by: [{ key: "sender" }] },
          include_state: true,
        },
      },
    }),
  ],
  [
    `PUT ${client}/user/:userId/account_data/:type`,
    ({ other }) => ({ ignored_users: { [other]: {} }, x: [1] }),
  ],
  [
    `PUT ${client}/user/:userId/rooms/:roomId/account_data/:type`,
    () => ({ tags: { "u.x": { order: 0.5 } }, unread: true }),
  ],
  [`PUT ${client}/user/:userId/rooms/:roomId/tags/:tag`, () => ({ order: 0.5 })],
  [
    `PUT ${client}/pushrules/global/:kind/:ruleId`,
    () => ({
      actions: ["notify", { set_tweak: "sound", value: "default" }],
      conditions: [{ kind: "event_match", key: "content.body", pattern: "x*" }],
      pattern: "x",
    }),
  ],
  [`PUT ${client}/pushrules/global/:kind/:ruleId/enabled`, () => ({ enabled: true })],
  [`PUT ${client}/pushrules/global/:kind/:ruleId/actions`, () => ({ actions: ["notify"] })],
  [
    `POST ${client}/pushers/set`,
    () => ({
      kind: "http",
      app_id: "org.example.app",
      pushkey: "key",
      app_display_name: "App",
      device_display_name: "Phone",
      profile_tag: "tag",
      lang: "en",
      append: true,
      data: { url: "https://push.example.org/_matrix/push/v1/notify", format: "event_id_only" },
    }),
  ],
  [`PUT ${threadSubscription}`, ({ eventId }) => ({ automatic: eventId })],
  [`POST ${client}/keys/upload`, ({ userId, deviceId }) => keyUpload(userId, deviceId)],
  [
    `POST ${client}/keys/query`,
    ({ other, userId }) => ({ device_keys: { [other]: [], [userId]: ["X"] }, timeout: 1 }),
  ],
  [
    `POST ${client}/keys/claim`,
    ({ other }) => ({ one_time_keys: { [other]: { X: "signed_curve25519" } }, timeout: 1 }),
  ],
  [
    `POST ${client}/keys/device_signing/upload`,
    (world) => ({
      master_key: signedKey(world),
      self_signing_key: signedKey(world),
      user_signing_key: null,
      auth: {},
    }),
  ],
  [
    "POST /_matrix/client/unstable/keys/device_signing/upload",
    (world) => ({ master_key: signedKey(world), auth: { type: "x" } }),
  ],
  [
    `POST ${client}/keys/signatures/upload`,
    (world) => ({
      [world.userId]: { [world.deviceId]: signedKey(world) },
      [world.other]: { abc: signedKey(world) },
    }),
  ],
  [`POST ${client}/room_keys/version`, backup],
  [`PUT ${client}/room_keys/version/:version`, backup],
  [`PUT ${client}/room_keys/keys`, ({ roomId }) => ({ rooms: { [roomId]: { sessions: { abc: roomKey } } } })],
  [`PUT ${client}/room_keys/keys/:roomId`, () => ({ sessions: { abc: roomKey } })],
  [`PUT ${client}/room_keys/keys/:roomId/:sessionId`, () => roomKey],
  [
    `PUT ${dehydrated}`,
    ({ userId }) => ({
      device_id: "DRY",
      device_data: { algorithm: "org.matrix.msc3814.v2", device_pickle: "abc" },
      initial_device_display_name: "name",
      ...keyUpload(userId, "DRY"),
    }),
  ],
  [`POST ${dehydrated}/:deviceId/events`, () => ({ next_batch: "d1" })],
  [
    `PUT ${client}/sendToDevice/:eventType/:txnId`,
    ({ other }) => ({ messages: { [other]: { "*": { a: 1 } } } }),
  ],
  [`POST ${slidingSync}`, slide],
  ["POST /_matrix/client/v4/sync", slide],
  // Forms, which have their own ways of being spoiled.
  ["POST /setup", () => ({})],
  ["POST /invite", () => ({})],
  // Nothing is read of it.
  ["POST /_matrix/key/v2/query", () => ({})],
  // Any bytes are a file: nothing of them to spoil.
  ["POST /_matrix/media/v3/upload", () => ({})],
  ["PUT /_matrix/media/v3/upload/:serverName/:mediaId", () => ({})],
  ["POST /_matrix/media/v1/create", () => ({})],
  [`POST ${resumable}`, () => ({})],
  [`PATCH ${resumable}/:uploadId`, () => ({})],
]);

/** Contents that the server itself reads, by the type of their event. */
export const plausibleContents: ReadonlyMap<string, Body> = new Map<string, Body>([
  ["m.room.message", event],
  ["m.room.redaction", ({ eventId }) => ({ redacts: eventId, reason: "because" })],
  [
    "m.reaction",
    ({ eventId }) => ({ "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key: "+" } }),
  ],
  [
    "m.room.member",
    ({ other }) => ({
      membership: "join",
      displayname: "Ben",
      avatar_url: "mxc://x/y",
      reason: "because",
      is_direct: true,
      join_authorised_via_users_server: other,
      third_party_invite: { signed: { mxid: other, token: "x", signatures: {} } },
    }),
  ],
  [
    "m.room.power_levels",
    ({ userId }) => ({
      users: { [userId]: 100 },
      users_default: 0,
      events: { "m.room.name": 0 },
      events_default: 0,
      state_default: 0,
      notifications: { room: 50 },
      ban: 50,
    }),
  ],
  [
    "m.room.create",
    ({ userId }) => ({ creator: userId, room_version: "11", predecessor: { room_id: "!x" } }),
  ],
  [
    "m.room.join_rules",
    ({ roomId }) => ({ join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: roomId }] }),
  ],
  ["m.room.history_visibility", () => ({ history_visibility: "shared" })],
  ["m.room.guest_access", () => ({ guest_access: "can_join" })],
  ["m.room.canonical_alias", () => ({ alias: "#x:burrow.localhost", alt_aliases: ["#y:burrow.localhost"] })],
  ["m.room.name", () => ({ name: "name" })],
  ["m.room.avatar", () => ({ url: "mxc://x/y" })],
  ["m.room.topic", () => ({ topic: "topic", "m.topic": { "m.text": [{ body: "topic" }] } })],
  ["m.room.encryption", () => ({ algorithm: "m.megolm.v1.aes-sha2" })],
  ["m.room.tombstone", () => ({ replacement_room: "!x", body: "x" })],
  [
    "m.room.third_party_invite",
    () => ({ display_name: "x", public_key: "x", public_keys: [{ public_key: "x" }] }),
  ],
]);

export interface Operation {
  readonly method: string;
  readonly path: string;
}

/** Every operation once: `r0` is another name of `v3`. What stands for every method (ALL) is left out. */
export function operationsOf(routes: Iterable<Operation>): Operation[] {
  const table = new Map<string, Operation>();
  for (const { method, path } of routes) {
    if (method === "ALL" || path.startsWith("/_matrix/client/r0/")) continue;
    table.set(`${method} ${path}`, { method, path });
  }
  return [...table.values()];
}

const parameter = /:(\w+)(?:\{[^}]*\})?\??/g;

/** The names of the path's parameters. */
export const parametersOf = (path: string): string[] =>
  [...path.matchAll(parameter)].map((found) => found[1] ?? "");

/** The path with a value, percent-encoded already, for each of its parameters. */
export const fillPath = (path: string, value: (name: string) => string): string =>
  path.replaceAll(parameter, (_, name: string) => value(name)).replaceAll("*", "x");

/** A body for the operation, in which nothing is spoiled yet. */
export function plausibleBody({ method, path }: Operation, world: World): object | undefined {
  if (method === "GET" || method === "OPTIONS") return undefined;
  const known = plausibleBodies.get(`${method} ${path}`);
  if (known) return known(world);
  if (method === "DELETE" || method === "PATCH") return {};
  throw new Error(
    `Write what a client would send to ${method} ${path} into test/conformance/plausible-request.ts.`,
  );
}

/** What stands for each path parameter of a request that ought to work. */
export function plausibleParameter(name: string, world: World): string {
  const known: Record<string, string> = {
    roomId: world.roomId,
    roomIdOrAlias: world.roomId,
    roomAlias: "#nowhere:burrow.localhost",
    eventId: world.eventId,
    threadRoot: world.eventId,
    userId: world.userId,
    deviceId: world.deviceId,
    eventType: "m.room.topic",
    type: "org.example.data",
    keyName: "displayname",
    kind: "override",
    ruleId: "org.example.rule",
    receiptType: "m.read",
    relType: "m.thread",
    filterId: "1",
    tag: "u.work",
    stateKey: "",
    file: "home.css",
  };
  return encodeURIComponent(known[name] ?? "x");
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { PushRuleKind } from "matrix-js-sdk/lib/@types/PushRules.js";
import { PushProcessor } from "matrix-js-sdk/lib/pushprocessor.js";
import { MatrixEvent } from "matrix-js-sdk/lib/models/event.js";
import type { AuthState, JsonObject, RoomEvent } from "../../../../origin/apps/matrix/events/event.ts";
import { compileRules } from "../../../../origin/apps/matrix/push/evaluate.ts";
import type { PushCondition } from "../../../../origin/apps/matrix/push/push-rule.ts";
import {
  effectiveRules,
  noChoices,
  type PushRuleChoices,
  putRule,
  setActions,
  setEnabled,
} from "../../../../origin/apps/matrix/push/rule-set.ts";
import { ada, ben, roomState } from "../events/room-state.ts";

const roomId = "!r:example.org";

function eventOf(
  type: string,
  content: JsonObject,
  more: { sender?: string; state_key?: string } = {},
): RoomEvent {
  return {
    so: 1,
    eventId: "$event",
    roomId,
    redactedBy: null,
    pdu: {
      room_id: roomId,
      type,
      content,
      sender: ada,
      origin_server_ts: 1_700_000_000_000,
      prev_events: [],
      auth_events: [],
      depth: 1,
      hashes: { sha256: "" },
      ...more,
    },
  };
}

const message = (body: string, more: JsonObject = {}): RoomEvent =>
  eventOf("m.room.message", { msgtype: "m.text", body, ...more });

/** What a member notices of a verdict. */
interface Verdict {
  readonly notify: boolean;
  readonly highlight: boolean;
  readonly sound?: string;
}

interface Setting {
  readonly choices?: PushRuleChoices;
  readonly memberCount?: number;
  readonly room?: AuthState;
  readonly displayName?: string | undefined;
  readonly subscribed?: boolean | undefined;
}

const plainRoom = roomState({ powerLevels: { users: { [ada]: 100 } } });

/** Ben's verdict. */
function judge(event: RoomEvent, setting: Setting = {}): Verdict {
  const { choices = noChoices, ...facts } = setting;
  const usual = { room: plainRoom, memberCount: 5, displayName: "Ben Ten", subscribed: undefined };
  const verdict = compileRules(effectiveRules(choices, ben))(event, { ...usual, ...facts });
  const { sound } = (verdict.tweaks === "" ? {} : JSON.parse(verdict.tweaks)) as { sound?: unknown };
  const { notify, highlight } = verdict;
  return { notify, highlight, ...(typeof sound === "string" ? { sound } : {}) };
}

const silent = { notify: false, highlight: false };
const plain = { notify: true, highlight: false };
const aloud = { notify: true, highlight: false, sound: "default" };

const onlyIf = (condition: PushCondition): PushRuleChoices => {
  // Silences everything that the rule in question, which stands before it, does not match.
  const quiet = putRule(noChoices, "override", "quiet", { actions: [] });
  return putRule(quiet, "override", "tried", { actions: ["notify"], conditions: [condition] });
};

test("the predefined rules: what notifies, what makes a sound, what stays silent", () => {
  assert.deepEqual(judge(message("hello")), plain);
  assert.deepEqual(judge(message("hello"), { memberCount: 2 }), aloud);
  assert.deepEqual(judge(eventOf("m.room.encrypted", {})), plain);
  assert.deepEqual(judge(eventOf("m.room.encrypted", {}), { memberCount: 2 }), aloud);
  assert.deepEqual(judge(eventOf("m.call.invite", {})), { ...plain, sound: "ring" });
  assert.deepEqual(judge(message("notice", { msgtype: "m.notice" })), silent);
  assert.deepEqual(judge(eventOf("m.reaction", { "m.relates_to": { rel_type: "m.annotation" } })), silent);
  assert.deepEqual(
    judge(message("* edit", { "m.relates_to": { rel_type: "m.replace", event_id: "$x" } })),
    silent,
  );
  assert.deepEqual(judge(eventOf("m.room.topic", { topic: "x" }, { state_key: "" })), silent);
  assert.deepEqual(judge(eventOf("m.room.tombstone", {}, { state_key: "" })), {
    notify: true,
    highlight: true,
  });
  assert.deepEqual(judge(eventOf("m.room.tombstone", {})), silent);
  assert.deepEqual(judge(eventOf("m.room.member", { membership: "invite" }, { state_key: ben })), aloud);
  assert.deepEqual(judge(eventOf("m.room.member", { membership: "invite" }, { state_key: ada })), silent);
  assert.deepEqual(judge(eventOf("m.room.member", { membership: "join" }, { state_key: ben })), silent);
});

test("mentions count by m.mentions, and by the name in the text only where there is none", () => {
  assert.deepEqual(judge(message("x", { "m.mentions": { user_ids: [ben] } })), { ...aloud, highlight: true });
  assert.deepEqual(judge(message("x", { "m.mentions": { user_ids: [ada] } })), plain);
  const said = { ...aloud, highlight: true };
  const none = { "m.mentions": {} };
  for (const words of ["hey Ben Ten!", "ask ben", "@ben:example.org?"]) {
    assert.deepEqual(judge(message(words)), said, words);
    assert.deepEqual(judge(message(words, none)), plain, words);
  }
  assert.deepEqual(judge(message("bent tents")), plain);
  assert.deepEqual(judge(message("@room supper")), { notify: true, highlight: true });
  assert.deepEqual(judge(message("@room supper", none)), plain);
  const weak = eventOf("m.room.message", { body: "@room" }, { sender: "@cleo:example.org" });
  assert.deepEqual(judge(weak), plain);
  for (const odd of [ben, { [ben]: true }, [[ben]], null]) {
    assert.deepEqual(judge(message("x", { "m.mentions": { user_ids: odd } })), plain);
  }
  assert.deepEqual(judge(message("x", { "m.mentions": [ben] })), plain);
});

test("everyone is mentioned only by whom the notification level allows", () => {
  const all = { "m.mentions": { room: true } };
  assert.deepEqual(judge(message("x", all)), { notify: true, highlight: true });
  const weak = eventOf("m.room.message", { body: "x", ...all }, { sender: "@cleo:example.org" });
  assert.deepEqual(judge(weak), plain);
  const open = roomState({ powerLevels: { notifications: { room: 0 } } });
  assert.deepEqual(judge(weak, { room: open }), { notify: true, highlight: true });
  assert.deepEqual(judge(message("x", { "m.mentions": { room: "true" } })), plain);
});

test("a member's choices rule: master, override, content, room, sender", () => {
  const off = setEnabled(noChoices, "override", ".m.rule.master", true);
  assert.deepEqual(judge(message("x", { "m.mentions": { user_ids: [ben] } }), { choices: off }), silent);

  const muted = putRule(noChoices, "room", roomId, { actions: [] });
  assert.deepEqual(judge(message("x"), { choices: muted }), silent);
  const cake = putRule(muted, "content", "cake", {
    actions: ["notify", { set_tweak: "sound", value: "cakealarm.wav" }, { set_tweak: "highlight" }],
    pattern: "cake",
  });
  assert.deepEqual(judge(message("Cake!"), { choices: cake }), {
    notify: true,
    highlight: true,
    sound: "cakealarm.wav",
  });
  assert.deepEqual(judge(message("pancakes"), { choices: cake }), silent);
  assert.deepEqual(judge(message("cake"), { choices: setEnabled(cake, "content", "cake", false) }), silent);

  const spam = putRule(noChoices, "sender", ada, { actions: [] });
  assert.deepEqual(judge(message("x"), { choices: spam }), silent);
  assert.deepEqual(
    judge(eventOf("m.room.message", {}, { sender: "@cleo:example.org" }), { choices: spam }),
    plain,
  );

  const louder = setActions(noChoices, "underride", ".m.rule.message", [
    "notify",
    { set_tweak: "highlight", value: false },
  ]);
  assert.deepEqual(judge(message("x"), { choices: louder }), plain);
});

test("a highlight without notify is silent", () => {
  const choices = putRule(noChoices, "room", roomId, { actions: [{ set_tweak: "highlight" }] });
  assert.deepEqual(judge(message("x"), { choices }), silent);
});

test("paths name the event's own members only", () => {
  const matching: [PushCondition, JsonObject][] = [
    [{ kind: "event_property_is", key: "content.m\\.federate", value: true }, { "m.federate": true }],
    [{ kind: "event_property_is", key: "content.a\\\\b", value: null }, { "a\\b": null }],
    [{ kind: "event_property_is", key: "content.a\\xb", value: 3 }, { "a\\xb": 3 }],
    [{ kind: "event_match", key: "content.a.b.c", pattern: "D*" }, { a: { b: { c: "deep" } } }],
    [{ kind: "event_match", key: "room_id", pattern: roomId }, {}],
    [{ kind: "event_match", key: "event_id", pattern: "$event" }, {}],
    [{ kind: "event_match", key: "sender", pattern: "@ada:*" }, {}],
    [{ kind: "event_property_contains", key: "content.list", value: 2 }, { list: [1, 2] }],
  ];
  for (const [condition, content] of matching) {
    assert.equal(
      judge(eventOf("x", content), { choices: onlyIf(condition) }).notify,
      true,
      JSON.stringify(condition),
    );
  }
  const failing: [PushCondition, JsonObject][] = [
    [{ kind: "event_property_is", key: "content.m.federate", value: true }, { "m.federate": true }],
    [{ kind: "event_property_is", key: "content.list.length", value: 2 }, { list: [1, 2] }],
    [{ kind: "event_match", key: "content.constructor.name", pattern: "*" }, {}],
    [{ kind: "event_property_is", key: "content.__proto__.__proto__", value: null }, {}],
    [{ kind: "event_match", key: "content.missing", pattern: "*" }, {}],
    [{ kind: "event_match", key: "content.n", pattern: "*" }, { n: 3 }],
    [{ kind: "event_property_is", key: "content.n", value: "1" }, { n: 1 }],
    [{ kind: "event_property_is", key: "content.o", value: {} }, { o: {} }],
    [{ kind: "event_property_is", key: "content.missing" }, {}],
    [{ kind: "event_match", key: "state_key", pattern: "*" }, {}],
    [{ kind: "event_match", pattern: "*" }, {}],
    [{ kind: "event_match", key: "type" }, {}],
    [{ kind: "sender_notification_permission" }, {}],
    [{ kind: "org.example.unknown" }, {}],
    [{ kind: "room_member_count", is: "=>5" }, {}],
    [{ kind: "room_member_count", is: 5 }, {}],
    [{ kind: "room_member_count" }, {}],
  ];
  for (const [condition, content] of failing) {
    assert.equal(
      judge(eventOf("x", content), { choices: onlyIf(condition) }).notify,
      false,
      JSON.stringify(condition),
    );
  }
});

test("the member's own name still counts in rules that ask for it", () => {
  const choices = onlyIf({ kind: "contains_display_name" });
  assert.equal(judge(message("hey ben ten!"), { choices }).notify, true);
  assert.equal(judge(message("hey ben tennis"), { choices }).notify, false);
  assert.equal(judge(eventOf("m.room.message", { body: 7 }), { choices }).notify, false);
  assert.equal(judge(message("undefined"), { choices, displayName: undefined }).notify, false);
});

test("the number of members is compared as the rule says", () => {
  const table: [is: string, counts: number[]][] = [
    ["3", [3]],
    ["==3", [3]],
    ["<3", [2]],
    [">3", [4]],
    ["<=3", [2, 3]],
    [">=3", [3, 4]],
  ];
  for (const [is, counts] of table) {
    const choices = onlyIf({ kind: "room_member_count", is });
    const matching = [2, 3, 4].filter((memberCount) => judge(message("x"), { choices, memberCount }).notify);
    assert.deepEqual(matching, counts, is);
  }
});

test("redacted and empty contents are judged without a crash", () => {
  assert.deepEqual(judge(eventOf("m.room.message", {})), plain);
  assert.deepEqual(judge(eventOf("m.room.member", {}, { state_key: ben })), silent);
});

/** matrix-js-sdk's own reading of the same rules, for the same member in the same room. */
function judgeAsClient(event: RoomEvent, choices: PushRuleChoices, memberCount: number): Verdict {
  const room = {
    currentState: {
      members: {},
      getJoinedMemberCount: () => memberCount,
      mayTriggerNotifOfType: (_: string, sender: string) => sender === ada,
      getMember: () => ({ name: "Ben Ten" }),
    },
  };
  const client = {
    getRoom: () => room,
    getSafeUserId: () => ben,
    credentials: { userId: ben },
    supportsIntentionalMentions: () => true,
    pushRules: { global: structuredClone(effectiveRules(choices, ben)) },
  };
  const { pdu } = event;
  const shown = {
    event_id: event.eventId,
    room_id: event.roomId,
    sender: pdu.sender,
    type: pdu.type,
    content: pdu.content,
    origin_server_ts: pdu.origin_server_ts,
    ...(pdu.state_key === undefined ? {} : { state_key: pdu.state_key }),
    // The client looks for the sender of `sender` rules under its name of old.
    user_id: pdu.sender,
  };
  const processor = new PushProcessor(client as unknown as ConstructorParameters<typeof PushProcessor>[0]);
  const { actions, rule } = processor.actionsAndRuleForEvent(new MatrixEvent(shown));
  if (!actions?.notify) return silent;
  const { sound } = actions.tweaks;
  return {
    notify: true,
    // Content rules highlight by default in the client; the specification says false where no tweak is given.
    highlight:
      rule?.kind === PushRuleKind.ContentSpecific
        ? explicitHighlight(rule.actions)
        : actions.tweaks.highlight === true,
    ...(typeof sound === "string" ? { sound } : {}),
  };
}

const explicitHighlight = (actions: readonly unknown[]): boolean =>
  actions.some(
    (action) =>
      typeof action === "object" &&
      action !== null &&
      "set_tweak" in action &&
      action.set_tweak === "highlight" &&
      !("value" in action && action.value === false),
  );

// No pattern has a `?` here: the client's globs take it for a dot (its escaping of the pattern goes astray).
test("every event of a table under every set of rules is judged as matrix-js-sdk judges it", () => {
  const notify = { actions: ["notify", { set_tweak: "sound", value: "bing" }] };
  const override = (conditions: JsonObject[]): PushRuleChoices =>
    putRule(noChoices, "override", "mine", { ...notify, conditions });
  const sets: PushRuleChoices[] = [
    noChoices,
    setEnabled(noChoices, "override", ".m.rule.master", true),
    setEnabled(noChoices, "override", ".m.rule.suppress_edits", false),
    putRule(noChoices, "room", roomId, { actions: [] }),
    putRule(noChoices, "sender", ada, notify),
    putRule(noChoices, "content", "c", { ...notify, pattern: "cake*lie" }),
    putRule(noChoices, "content", "c", { actions: ["notify", { set_tweak: "highlight" }], pattern: "*ake" }),
    override([
      { kind: "event_match", key: "content.body", pattern: "beer" },
      { kind: "room_member_count", is: "<=3" },
    ]),
    override([{ kind: "event_match", key: "content.msgtype", pattern: "M.*" }]),
    override([{ kind: "event_match", key: "type", pattern: "m.room.*" }]),
    override([{ kind: "event_match", key: "content.body", pattern: "" }]),
    override([{ kind: "event_match", key: "content.a\\.b.c", pattern: "d" }]),
    override([{ kind: "event_property_is", key: "content.n", value: 3 }]),
    override([{ kind: "event_property_contains", key: "content.list", value: "x" }]),
    override([{ kind: "contains_display_name" }]),
    override([{ kind: "room_member_count", is: ">2" }]),
    override([{ kind: "sender_notification_permission", key: "room" }]),
    override([{ kind: "org.example.unknown" }]),
    override([]),
  ];
  const events: RoomEvent[] = [
    message("hello"),
    message(""),
    message("the cake is a lie"),
    message("pancake!"),
    message("CAKE"),
    message("a beer, Ben Ten?"),
    message("a"),
    message("- - -"),
    message("beer", { msgtype: "m.notice" }),
    message("x", { "m.mentions": { user_ids: [ben] } }),
    message("x", { "m.mentions": { room: true } }),
    message("* x", { "m.relates_to": { rel_type: "m.replace" } }),
    message("x", { "a.b": { c: "D" }, n: 3, list: ["x"] }),
    message("x", { n: "3", list: "x" }),
    eventOf("m.room.message", {}),
    eventOf("m.room.message", { body: 1 }),
    eventOf("m.room.message", { body: "x", "m.mentions": { room: true } }, { sender: "@cleo:example.org" }),
    eventOf("m.room.encrypted", { algorithm: "m.megolm.v1.aes-sha2" }),
    eventOf("m.room.member", { membership: "invite" }, { state_key: ben }),
    eventOf("m.room.member", { membership: "join" }, { state_key: ada }),
    eventOf("m.room.tombstone", {}, { state_key: "" }),
    eventOf("m.room.server_acl", {}, { state_key: "" }),
    eventOf("m.reaction", {}),
    eventOf("m.call.invite", {}),
    eventOf("org.example.custom", { body: "beer" }),
  ];
  for (const choices of sets) {
    for (const event of events) {
      for (const memberCount of [2, 7]) {
        assert.deepEqual(
          judge(event, { choices, memberCount }),
          judgeAsClient(event, choices, memberCount),
          JSON.stringify({ rules: choices, event: event.pdu.content, type: event.pdu.type, memberCount }),
        );
      }
    }
  }
});

/** mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test("random rules and random events are judged as matrix-js-sdk judges them", () => {
  const random = randomNumbers(4306);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const words = [
    "beer",
    "Beer!",
    "a beer, Ben Ten",
    "cake",
    "the cake is a lie",
    "be",
    "x",
    "",
    "m.text",
    "3",
  ];
  const keys = [
    "content.body",
    "content.msgtype",
    "type",
    "sender",
    "room_id",
    "content.a.b",
    "content.a\\.b",
  ];
  const patterns = ["beer", "b*r", "*", "cake*lie", "m.*", "M.ROOM.MESSAGE", "@ada:*", "!r:*", "x", "be"];
  const values = ["beer", 3, true, null, "x", false, 0];
  const condition = (): JsonObject =>
    pick<() => JsonObject>([
      () => ({ kind: "event_match", key: pick(keys), pattern: pick(patterns) }),
      () => ({
        kind: "event_property_is",
        key: pick(["content.n", "content.a.b", "type"]),
        value: pick(values),
      }),
      () => ({ kind: "event_property_contains", key: "content.list", value: pick(values) }),
      () => ({
        kind: "room_member_count",
        is: `${pick(["", "==", "<", ">", "<=", ">="])}${pick([2, 3, 7])}`,
      }),
      () => ({ kind: "contains_display_name" }),
      () => ({ kind: "sender_notification_permission", key: "room" }),
      () => ({ kind: "org.example.unknown" }),
    ])();
  const actions = (): JsonObject =>
    pick<JsonObject>([
      { actions: [] },
      { actions: ["notify"] },
      { actions: ["notify", { set_tweak: "highlight" }] },
      {
        actions: ["notify", { set_tweak: "highlight", value: false }, { set_tweak: "sound", value: "bing" }],
      },
      { actions: ["dont_notify"] },
    ]);
  const change = (choices: PushRuleChoices, index: number): PushRuleChoices =>
    pick<() => PushRuleChoices>([
      () => {
        const conditions = Array.from({ length: Math.floor(random() * 3) }, condition);
        return putRule(choices, pick(["override", "underride"]), `r${index}`, { ...actions(), conditions });
      },
      () => putRule(choices, "content", `c${index}`, { ...actions(), pattern: pick(patterns) }),
      () => putRule(choices, "room", pick([roomId, "!other:example.org"]), actions()),
      () => putRule(choices, "sender", pick([ada, "@cleo:example.org"]), actions()),
      () => setEnabled(choices, "underride", ".m.rule.message", random() < 0.5),
      () => setEnabled(choices, "override", ".m.rule.suppress_edits", random() < 0.5),
    ])();
  const event = (): RoomEvent =>
    eventOf(
      pick(["m.room.message", "m.room.message", "m.room.encrypted", "m.reaction", "org.example.x"]),
      {
        ...(random() < 0.8 && { body: pick<string | number>([...words, 3]) }),
        ...(random() < 0.7 && { msgtype: pick(["m.text", "m.notice"]) }),
        ...(random() < 0.3 && { n: pick(values), list: [pick(values), pick(values)] }),
        ...(random() < 0.3 && { a: { b: pick(values) }, "a.b": pick(words) }),
        ...(random() < 0.2 && { "m.mentions": pick<JsonObject>([{ room: true }, { user_ids: [ben] }, {}]) }),
        ...(random() < 0.2 && { "m.relates_to": { rel_type: pick(["m.replace", "m.thread"]) } }),
      },
      { sender: pick([ada, "@cleo:example.org"]) },
    );
  let notified = 0;
  for (let round = 0; round < 200; round += 1) {
    let choices = noChoices;
    for (let index = Math.floor(random() * 5); index >= 0; index -= 1) choices = change(choices, index);
    for (let count = 0; count < 20; count += 1) {
      const judged = event();
      const memberCount = pick([2, 3, 7]);
      const verdict = judge(judged, { choices, memberCount });
      if (verdict.notify) notified += 1;
      assert.deepEqual(
        verdict,
        judgeAsClient(judged, choices, memberCount),
        JSON.stringify({ choices, type: judged.pdu.type, content: judged.pdu.content, memberCount }),
      );
    }
  }
  assert.ok(notified > 500 && notified < 3500, `${notified} of 4000 notify: both ways are tried`);
});

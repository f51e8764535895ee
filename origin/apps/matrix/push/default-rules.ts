import type { PushAction, PushCondition, PushRule, PushRuleKind } from "./push-rule.ts";

/**
 * One account's predefined rules, by kind (Client-Server v1.19 §Predefined Rules, in its order), with them those of
 * before, and after them those for polls (MSC3930) and for threads (MSC4306), under the names that clients know.
 */
export function defaultRules(userId: string): Readonly<Record<PushRuleKind, readonly PushRule[]>> {
  return {
    override: overrideRules(userId),
    content: contentRules(userId),
    postcontent: postcontentRules,
    room: [],
    sender: [],
    underride: underrideRules,
  };
}

/** Off by default; when on, nothing notifies. It alone stands before the user's own rules. */
export const masterRuleId = ".m.rule.master";

const notify: readonly PushAction[] = ["notify"];
const notifyHighlighted: readonly PushAction[] = ["notify", { set_tweak: "highlight" }];
const notifyAloud: readonly PushAction[] = ["notify", { set_tweak: "sound", value: "default" }];

const mentionActions: readonly PushAction[] = [...notifyAloud, { set_tweak: "highlight" }];

/**
 * Mentions by what the text says, from before there was `m.mentions`: for what bots and old clients write. They hold
 * for events without that property only (Client-Server v1.16 §Predefined Rules; left out since, and kept by peers).
 */
export const textMentionRules: ReadonlySet<string> = new Set([
  ".m.rule.contains_display_name",
  ".m.rule.contains_user_name",
  ".m.rule.roomnotif",
]);

const contentRules = (userId: string): readonly PushRule[] => [
  {
    rule_id: ".m.rule.contains_user_name",
    default: true,
    enabled: true,
    pattern: userId.slice(1).replace(/:.*$/, ""),
    actions: mentionActions,
  },
];

const pollRule = ".org.matrix.msc3930.rule.";
const pollEvent = "org.matrix.msc3381.poll.";

function overrideRules(userId: string): PushRule[] {
  return [
    { ...rule(masterRuleId, [], []), enabled: false },
    rule(".m.rule.suppress_notices", [matches("content.msgtype", "m.notice")], []),
    rule(
      ".m.rule.invite_for_me",
      [
        matches("type", "m.room.member"),
        matches("content.membership", "invite"),
        matches("state_key", userId),
      ],
      notifyAloud,
    ),
    rule(".m.rule.member_event", [matches("type", "m.room.member")], []),
    rule(
      ".m.rule.is_user_mention",
      [{ kind: "event_property_contains", key: "content.m\\.mentions.user_ids", value: userId }],
      mentionActions,
    ),
    rule(".m.rule.contains_display_name", [{ kind: "contains_display_name" }], mentionActions),
    rule(
      ".m.rule.is_room_mention",
      [
        { kind: "event_property_is", key: "content.m\\.mentions.room", value: true },
        { kind: "sender_notification_permission", key: "room" },
      ],
      notifyHighlighted,
    ),
    rule(
      ".m.rule.roomnotif",
      [matches("content.body", "@room"), { kind: "sender_notification_permission", key: "room" }],
      notifyHighlighted,
    ),
    rule(
      ".m.rule.tombstone",
      [matches("type", "m.room.tombstone"), matches("state_key", "")],
      notifyHighlighted,
    ),
    rule(".m.rule.reaction", [matches("type", "m.reaction")], []),
    rule(".m.rule.room.server_acl", [matches("type", "m.room.server_acl"), matches("state_key", "")], []),
    rule(
      ".m.rule.suppress_edits",
      [{ kind: "event_property_is", key: "content.m\\.relates_to.rel_type", value: "m.replace" }],
      [],
    ),
    rule(`${pollRule}poll_response`, [matches("type", `${pollEvent}response`)], []),
  ];
}

/** The condition that asks whether the member has subscribed to the event's thread. */
export const threadSubscription = "io.element.msc4306.thread_subscription";

const threadRule = (subscribed: boolean, name: string, actions: readonly PushAction[]): PushRule => ({
  ...rule(`.io.element.msc4306.rule.${name}`, [{ kind: threadSubscription, subscribed }], actions),
  enabled: false,
});

/**
 * Off until a client of the member has subscribed to a thread for the first time (`withThreadRules`): to a
 * member whose clients know nothing of subscriptions no reply in any thread would ring.
 */
const postcontentRules: readonly PushRule[] = [
  threadRule(false, "unsubscribed_thread", []),
  threadRule(true, "subscribed_thread", notifyAloud),
];

const underrideRules: readonly PushRule[] = [
  rule(".m.rule.call", [matches("type", "m.call.invite")], ["notify", { set_tweak: "sound", value: "ring" }]),
  rule(
    ".m.rule.encrypted_room_one_to_one",
    [{ kind: "room_member_count", is: "2" }, matches("type", "m.room.encrypted")],
    notifyAloud,
  ),
  rule(
    ".m.rule.room_one_to_one",
    [{ kind: "room_member_count", is: "2" }, matches("type", "m.room.message")],
    notifyAloud,
  ),
  rule(".m.rule.message", [matches("type", "m.room.message")], notify),
  rule(".m.rule.encrypted", [matches("type", "m.room.encrypted")], notify),
  ...["start", "end"].flatMap((what) => [
    rule(
      `${pollRule}poll_${what}_one_to_one`,
      [{ kind: "room_member_count", is: "2" }, matches("type", pollEvent + what)],
      notifyAloud,
    ),
    rule(`${pollRule}poll_${what}`, [matches("type", pollEvent + what)], notify),
  ]),
];

/** The kind of each predefined rule. */
export const kindOfDefaultRule: ReadonlyMap<string, PushRuleKind> = new Map(
  Object.entries(defaultRules("")).flatMap(([kind, rules]) =>
    rules.map(({ rule_id: id }): [string, PushRuleKind] => [id, kind as PushRuleKind]),
  ),
);

/** Switched on together, with a member's first subscription. */
export const threadRuleIds: readonly string[] = postcontentRules.map(({ rule_id: id }) => id);

function rule(id: string, conditions: readonly PushCondition[], actions: readonly PushAction[]): PushRule {
  return { rule_id: id, default: true, enabled: true, conditions, actions };
}

function matches(key: string, pattern: string): PushCondition {
  return { kind: "event_match", key, pattern };
}

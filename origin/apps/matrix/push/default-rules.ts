import type { PushAction, PushCondition, PushRule, PushRuleKind } from "./push-rule.ts";

/**
 * One account's predefined rules, by kind (Client-Server v1.19 §Predefined Rules, in its order), and after them those
 * for polls (MSC3930), under the names that clients know.
 */
export function defaultRules(userId: string): Readonly<Record<PushRuleKind, readonly PushRule[]>> {
  return { override: overrideRules(userId), content: [], room: [], sender: [], underride: underrideRules };
}

/** Off by default; when on, nothing notifies. It alone stands before the user's own rules. */
export const masterRuleId = ".m.rule.master";

const notify: readonly PushAction[] = ["notify"];
const notifyHighlighted: readonly PushAction[] = ["notify", { set_tweak: "highlight" }];
const notifyAloud: readonly PushAction[] = ["notify", { set_tweak: "sound", value: "default" }];

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
      [...notifyAloud, { set_tweak: "highlight" }],
    ),
    rule(
      ".m.rule.is_room_mention",
      [
        { kind: "event_property_is", key: "content.m\\.mentions.room", value: true },
        { kind: "sender_notification_permission", key: "room" },
      ],
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

function rule(id: string, conditions: readonly PushCondition[], actions: readonly PushAction[]): PushRule {
  return { rule_id: id, default: true, enabled: true, conditions, actions };
}

function matches(key: string, pattern: string): PushCondition {
  return { kind: "event_match", key, pattern };
}

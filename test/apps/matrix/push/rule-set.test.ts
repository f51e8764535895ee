import assert from "node:assert/strict";
import { test } from "node:test";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import {
  carryRulesOver,
  deleteRule,
  effectiveRules,
  findRule,
  noChoices,
  parseKind,
  type PushRuleChoices,
  putRule,
  setActions,
  setEnabled,
} from "../../../../origin/apps/matrix/push/rule-set.ts";

const ada = "@ada:example.org";

const idsOf = (
  choices: PushRuleChoices,
  kind: "override" | "content" | "postcontent" | "room" | "sender" | "underride",
): string[] => effectiveRules(choices, ada)[kind].map((rule) => rule.rule_id);

function fails(action: () => unknown, status: number, errcode: string): void {
  assert.throws(
    action,
    (error) => error instanceof MatrixError && error.status === status && error.errcode === errcode,
    `${status} ${errcode}`,
  );
}

const silence = { actions: [] };

test("a new account has the specification's rules, in its order, those of before, and those for polls and threads", () => {
  assert.deepEqual(idsOf(noChoices, "override"), [
    ".m.rule.master",
    ".m.rule.suppress_notices",
    ".m.rule.invite_for_me",
    ".m.rule.member_event",
    ".m.rule.is_user_mention",
    ".m.rule.contains_display_name",
    ".m.rule.is_room_mention",
    ".m.rule.roomnotif",
    ".m.rule.tombstone",
    ".m.rule.reaction",
    ".m.rule.room.server_acl",
    ".m.rule.suppress_edits",
    ".org.matrix.msc3930.rule.poll_response",
  ]);
  assert.deepEqual(idsOf(noChoices, "underride"), [
    ".m.rule.call",
    ".m.rule.encrypted_room_one_to_one",
    ".m.rule.room_one_to_one",
    ".m.rule.message",
    ".m.rule.encrypted",
    ".org.matrix.msc3930.rule.poll_start_one_to_one",
    ".org.matrix.msc3930.rule.poll_start",
    ".org.matrix.msc3930.rule.poll_end_one_to_one",
    ".org.matrix.msc3930.rule.poll_end",
  ]);
  assert.deepEqual(idsOf(noChoices, "postcontent"), [
    ".io.element.msc4306.rule.unsubscribed_thread",
    ".io.element.msc4306.rule.subscribed_thread",
  ]);
  assert.deepEqual(idsOf(noChoices, "content"), [".m.rule.contains_user_name"]);
  assert.equal(effectiveRules(noChoices, ada).content[0]?.pattern, "ada");
  for (const kind of ["room", "sender"] as const) assert.deepEqual(idsOf(noChoices, kind), []);
  const rules = effectiveRules(noChoices, ada);
  for (const rule of [...rules.override, ...rules.underride]) {
    assert.equal(rule.default, true);
    assert.equal(rule.enabled, rule.rule_id !== ".m.rule.master");
  }
  assert.deepEqual(findRule(rules, "override", ".m.rule.is_user_mention").conditions, [
    { kind: "event_property_contains", key: "content.m\\.mentions.user_ids", value: ada },
  ]);
});

test("one's own rules stand after the master rule and before the others, the newest first", () => {
  let choices = putRule(noChoices, "override", "first", silence);
  choices = putRule(choices, "override", "second", {
    ...silence,
    conditions: [{ kind: "room_member_count", is: "2" }],
  });
  assert.deepEqual(idsOf(choices, "override").slice(0, 4), [
    ".m.rule.master",
    "second",
    "first",
    ".m.rule.suppress_notices",
  ]);
  choices = putRule(choices, "underride", "mine", silence);
  assert.deepEqual(idsOf(choices, "underride").slice(0, 2), ["mine", ".m.rule.call"]);
  assert.deepEqual(findRule(effectiveRules(choices, ada), "override", "second"), {
    rule_id: "second",
    default: false,
    enabled: true,
    actions: [],
    conditions: [{ kind: "room_member_count", is: "2" }],
  });
});

test("before and after place a rule among one's own", () => {
  let choices = noChoices;
  for (const id of ["c", "b", "a"]) choices = putRule(choices, "content", id, { ...silence, pattern: id });
  const put = (id: string, placement: { before?: string; after?: string }): string[] =>
    idsOf(putRule(choices, "content", id, { ...silence, pattern: "x" }, placement), "content").slice(0, -1);
  assert.deepEqual(put("new", { before: "b" }), ["a", "new", "b", "c"]);
  assert.deepEqual(put("new", { after: "b" }), ["a", "b", "new", "c"]);
  assert.deepEqual(put("new", { after: "a", before: "c" }), ["a", "b", "new", "c"]);
  assert.deepEqual(put("c", { before: "a" }), ["c", "a", "b"]);
  assert.deepEqual(put("a", { after: "b" }), ["b", "a", "c"]);
  assert.deepEqual(put("b", {}), ["a", "b", "c"]);
  fails(() => put("new", { before: "nobody" }), 400, "M_UNKNOWN");
  fails(() => putRule(choices, "override", "new", silence, { after: ".m.rule.master" }), 400, "M_UNKNOWN");
});

test("putting a rule again changes it and leaves it disabled", () => {
  let choices = putRule(noChoices, "content", "cake", { actions: ["notify"], pattern: "cake" });
  choices = setEnabled(choices, "content", "cake", false);
  choices = putRule(choices, "content", "cake", { actions: [], pattern: "cake*lie" });
  assert.deepEqual(effectiveRules(choices, ada).content.slice(0, -1), [
    { rule_id: "cake", default: false, enabled: false, actions: [], pattern: "cake*lie" },
  ]);
});

test("predefined rules can be switched and given other actions, not deleted or added", () => {
  let choices = setEnabled(noChoices, "override", ".m.rule.master", true);
  choices = setActions(choices, "underride", ".m.rule.message", []);
  choices = setEnabled(choices, "underride", ".m.rule.message", false);
  const rules = effectiveRules(choices, ada);
  assert.equal(findRule(rules, "override", ".m.rule.master").enabled, true);
  const message = findRule(rules, "underride", ".m.rule.message");
  assert.deepEqual([message.enabled, message.actions, message.default], [false, [], true]);
  fails(() => deleteRule(choices, "override", ".m.rule.master"), 400, "M_INVALID_PARAM");
  fails(() => putRule(choices, "override", ".m.rule.master", silence), 400, "M_INVALID_PARAM");
  // The same id under another kind names nothing.
  fails(() => setEnabled(choices, "underride", ".m.rule.master", true), 404, "M_NOT_FOUND");
});

test("deleting takes the rule away; what is not there is not found", () => {
  const choices = putRule(noChoices, "room", "!r:example.org", silence);
  assert.deepEqual(idsOf(deleteRule(choices, "room", "!r:example.org"), "room"), []);
  fails(() => deleteRule(choices, "room", "!other:example.org"), 404, "M_NOT_FOUND");
  fails(() => deleteRule(choices, "sender", "!r:example.org"), 404, "M_NOT_FOUND");
  fails(() => setEnabled(choices, "room", "x", true), 404, "M_NOT_FOUND");
  fails(() => setActions(choices, "room", "x", []), 404, "M_NOT_FOUND");
  fails(() => findRule(effectiveRules(choices, ada), "room", "x"), 404, "M_NOT_FOUND");
});

test("choices given are never changed in place, and survive JSON", () => {
  const choices = putRule(noChoices, "sender", "@ben:example.org", silence);
  const text = JSON.stringify(choices);
  putRule(choices, "sender", "@cleo:example.org", silence);
  setEnabled(choices, "sender", "@ben:example.org", false);
  deleteRule(choices, "sender", "@ben:example.org");
  assert.equal(JSON.stringify(choices), text);
  assert.deepEqual(effectiveRules(JSON.parse(text) as PushRuleChoices, ada), effectiveRules(choices, ada));
  assert.deepEqual(noChoices, { rules: {}, defaults: {} });
});

test("historical actions are kept for who wrote them, unknown ones refused", () => {
  const choices = putRule(noChoices, "room", "!r:example.org", {
    actions: ["dont_notify", "coalesce", "notify", { set_tweak: "sound", value: "bing" }],
  });
  assert.deepEqual(effectiveRules(choices, ada).room[0]?.actions, [
    "dont_notify",
    "coalesce",
    "notify",
    { set_tweak: "sound", value: "bing" },
  ]);
  for (const odd of ["shout", 1, null, [], {}, { set_tweak: 1 }]) {
    fails(() => setActions(choices, "room", "!r:example.org", [odd]), 400, "M_INVALID_PARAM");
  }
  for (const odd of ["notify", {}, null, 1]) {
    fails(() => setActions(choices, "room", "!r:example.org", odd), 400, "M_BAD_JSON");
  }
  fails(() => setActions(choices, "room", "!r:example.org", undefined), 400, "M_MISSING_PARAM");
});

test("a malformed rule is refused with the reason's code", () => {
  for (const id of [".mine", "", "a/b", "a\\b", "x".repeat(256)]) {
    fails(() => putRule(noChoices, "override", id, silence), 400, "M_INVALID_PARAM");
  }
  fails(() => putRule(noChoices, "override", "x", {}), 400, "M_MISSING_PARAM");
  fails(() => putRule(noChoices, "content", "x", silence), 400, "M_MISSING_PARAM");
  fails(() => putRule(noChoices, "content", "x", { ...silence, pattern: 1 }), 400, "M_BAD_JSON");
  fails(
    () => putRule(noChoices, "content", "x", { ...silence, pattern: "x".repeat(1001) }),
    400,
    "M_INVALID_PARAM",
  );
  for (const conditions of [{}, "x", [1], [{}], [{ kind: 1 }], [null]]) {
    fails(() => putRule(noChoices, "override", "x", { ...silence, conditions }), 400, "M_BAD_JSON");
  }
  const many = { ...silence, conditions: Array.from({ length: 51 }, () => ({ kind: "x" })) };
  fails(() => putRule(noChoices, "override", "x", many), 400, "M_INVALID_PARAM");
  fails(() => setEnabled(noChoices, "override", ".m.rule.master", "yes"), 400, "M_BAD_JSON");
  fails(() => setEnabled(noChoices, "override", ".m.rule.master", undefined), 400, "M_MISSING_PARAM");
  fails(() => parseKind("device"), 400, "M_INVALID_PARAM");
  assert.equal(parseKind("sender"), "sender");
});

test("what was chosen for a room is chosen for the one that replaces it, once", () => {
  const [old, next] = ["!old:example.org", "!new:example.org"];
  const inRoom = (room: string) => [{ kind: "event_match", key: "room_id", pattern: room }];
  let choices = putRule(noChoices, "room", "!other:example.org", silence);
  choices = putRule(choices, "room", old, { actions: ["notify"] });
  // So do clients mute a room.
  choices = putRule(choices, "override", "mine", { ...silence, conditions: inRoom(old) });
  choices = putRule(choices, "sender", ada, silence);
  choices = setEnabled(choices, "override", "mine", false);

  const carried = carryRulesOver(choices, old, next);
  assert.deepEqual(idsOf(carried, "room"), [next, old, "!other:example.org"]);
  const rules = effectiveRules(carried, ada);
  assert.deepEqual(findRule(rules, "room", next).actions, ["notify"]);
  assert.deepEqual(findRule(rules, "override", next).conditions, inRoom(next));
  assert.equal(findRule(rules, "override", next).enabled, false);
  assert.deepEqual(findRule(rules, "override", "mine").conditions, inRoom(old));
  assert.deepEqual(idsOf(carried, "sender"), [ada]);
  // Done before, or nothing to do: the very same object, so that nobody is woken for it.
  assert.equal(carryRulesOver(carried, old, next), carried);
  assert.equal(carryRulesOver(choices, "!third:example.org", next), choices);

  let full = putRule(noChoices, "room", old, silence);
  for (let rule = 1; rule < 500; rule += 1) full = putRule(full, "sender", `@${rule}:example.org`, silence);
  assert.equal(carryRulesOver(full, old, next), full);
});

test("the number of one's own rules is bounded", () => {
  let choices = noChoices;
  for (let n = 0; n < 500; n++) choices = putRule(choices, "room", `!${n}`, silence);
  fails(() => putRule(choices, "sender", "@ben:example.org", silence), 400, "M_LIMIT_EXCEEDED");
  assert.doesNotThrow(() => putRule(choices, "room", "!7", { actions: ["notify"] }));
});

test("a rule's actions are few and short: each event's row bears what they set", () => {
  const tweak = { set_tweak: "sound", value: "x".repeat(2000) };
  fails(() => putRule(noChoices, "override", "loud", { actions: [tweak] }), 400, "M_INVALID_PARAM");
  const many = Array.from({ length: 21 }, () => "notify");
  fails(() => setActions(noChoices, "underride", ".m.rule.message", many), 400, "M_INVALID_PARAM");
});

import type { Json, JsonObject } from "../events/event.ts";

/** The kinds of push rules, in the order in which they are tried. `postcontent` is MSC4306's. */
export const pushRuleKinds = ["override", "content", "postcontent", "room", "sender", "underride"] as const;
export type PushRuleKind = (typeof pushRuleKinds)[number];

/** `"notify"`, or an object with `set_tweak` and perhaps `value`. */
export type PushAction = string | JsonObject;

export interface PushCondition {
  readonly kind: string;
  readonly [key: string]: Json;
}

/** As the client-server API shows it. */
export interface PushRule {
  readonly rule_id: string;
  readonly default: boolean;
  readonly enabled: boolean;
  readonly actions: readonly PushAction[];
  /** Of `override`, `postcontent` and `underride` rules. */
  readonly conditions?: readonly PushCondition[];
  /** Of `content` rules: a glob. */
  readonly pattern?: string;
}

/** The value of `global` in `GET /pushrules/` and in the `m.push_rules` account data. */
export type PushRuleSet = Readonly<Record<PushRuleKind, readonly PushRule[]>>;

import type { Transaction } from "../../../storage/writer.ts";
import type { JsonObject } from "../events/event.ts";
import { compileRules, type Evaluator } from "../push/evaluate.ts";
import type { PushRuleSet } from "../push/push-rule.ts";
import { effectiveRules, noChoices, type PushRuleChoices } from "../push/rule-set.ts";
import type { AccountData } from "./account-data.ts";
import { type LocalMembers, localMember } from "./local-member.ts";

/** Each member's push rules: the predefined ones and what the member made of them. */
export interface UserRules {
  /** Compiled once and kept; undefined for someone without an account here. */
  evaluatorOf(userId: string): Evaluator | undefined;
  /** All rules in force, in the order in which they are tried. */
  ruleSet(userId: string): PushRuleSet;
  /** The content of `m.push_rules` as clients get it: `{ global: … }`. */
  ruleSetJson(userId: string): JsonObject;
  /** Replaces the member's choices by what `edit` makes of them, and wakes their devices. */
  change(transaction: Transaction, userId: string, edit: (choices: PushRuleChoices) => PushRuleChoices): void;
  /** The same, unless `edit` gives back what it got: then nothing has changed. */
  revise(transaction: Transaction, userId: string, edit: (choices: PushRuleChoices) => PushRuleChoices): void;
}

const pushRules = "m.push_rules";

export function createUserRules(parts: { accountData: AccountData } & LocalMembers): UserRules {
  const { accountData } = parts;
  const evaluators = new Map<string, Evaluator>();

  // Only `change` writes it, so it is of the shape that rule-set.ts made.
  const choicesOf = (userId: string): PushRuleChoices =>
    (accountData.get(userId, 0, pushRules) as PushRuleChoices | undefined) ?? noChoices;
  const ruleSet = (userId: string): PushRuleSet => effectiveRules(choicesOf(userId), userId);

  function save(transaction: Transaction, userId: string, choices: PushRuleChoices): void {
    accountData.set(transaction, userId, 0, pushRules, choices as unknown as JsonObject);
    evaluators.delete(userId);
    transaction.onRollback(() => void evaluators.delete(userId));
  }

  return {
    evaluatorOf(userId) {
      const known = evaluators.get(userId);
      if (known) return known;
      if (!localMember(parts, userId)) return undefined;
      const evaluator = compileRules(ruleSet(userId));
      evaluators.set(userId, evaluator);
      return evaluator;
    },
    ruleSet,
    ruleSetJson: (userId) => ({ global: ruleSet(userId) as unknown as JsonObject }),
    change(transaction, userId, edit) {
      save(transaction, userId, edit(choicesOf(userId)));
    },
    revise(transaction, userId, edit) {
      const before = choicesOf(userId);
      const after = edit(before);
      if (after !== before) save(transaction, userId, after);
    },
  };
}

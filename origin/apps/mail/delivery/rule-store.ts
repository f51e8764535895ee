import type { Database } from "../../../storage/database.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Rule } from "./rule.ts";

/** The rules of each member, in the order in which they are applied. */
export interface RuleStore {
  list(account: number): Rule[];
  /** Inside a write: the account must be there, and the rules have been read by `readRules`. */
  replace(transaction: Transaction, account: number, rules: readonly Rule[]): void;
}

export function createRuleStore(database: Database): RuleStore {
  const select = database.prepare<{ rule: string }>(
    "SELECT rule FROM rules WHERE account = ? ORDER BY position",
  );
  const remove = database.prepare("DELETE FROM rules WHERE account = ?");
  const insert = database.prepare("INSERT INTO rules (account, position, rule) VALUES (?, ?, ?)");
  return {
    list: (account) => select.all(account).map(({ rule }) => JSON.parse(rule) as Rule),
    replace(_transaction, account, rules) {
      remove.run(account);
      for (const [position, rule] of rules.entries()) insert.run(account, position, JSON.stringify(rule));
    },
  };
}

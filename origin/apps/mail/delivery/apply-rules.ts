import type { EmailFields } from "../mailbox/email-fields.ts";
import type { EmailAddress } from "../message/header-forms.ts";
import { type Condition, isFlagCondition, type Rule } from "./rule.ts";

/** What the conditions of rules look at. */
export interface Examined {
  readonly fields: Pick<EmailFields, "from" | "to" | "cc" | "subject">;
  /** The address by which it came. */
  readonly recipient: string;
  readonly listId: string;
  readonly hasAttachment: boolean;
  readonly isSpam: boolean;
}

/** What the rules have come to. */
export interface Wish {
  readonly fileInto: number | undefined;
  readonly trash: boolean;
  readonly keywords: readonly string[];
}

/**
 * Goes through the rules in their order; of what two say against each other, the later one counts. On spam only those
 * work that ask for it: nobody gets a forged letter put among the real ones by naming their sender.
 */
export function applyRules(rules: readonly Rule[], message: Examined): Wish {
  let fileInto: number | undefined;
  let trash = false;
  const keywords = new Set<string>();
  for (const { match, conditions, actions } of rules) {
    if (message.isSpam && !conditions.some(asksForSpam)) continue;
    const holds = (condition: Condition): boolean => isTrue(condition, message);
    if (!(match === "all" ? conditions.every(holds) : conditions.some(holds))) continue;
    if (actions.fileInto !== undefined) {
      fileInto = actions.fileInto;
      trash = false;
    }
    if (actions.trash) trash = true;
    if (actions.markRead) keywords.add("$seen");
    if (actions.flag) keywords.add("$flagged");
    if (actions.stop) break;
  }
  return { fileInto, trash, keywords: [...keywords] };
}

const asksForSpam = (condition: Condition): boolean =>
  isFlagCondition(condition) && condition.field === "spam" && condition.value;

function isTrue(condition: Condition, message: Examined): boolean {
  if (isFlagCondition(condition))
    return condition.value === (condition.field === "spam" ? message.isSpam : message.hasAttachment);
  const wanted = fold(condition.value);
  const matches = (text: string): boolean =>
    condition.test === "is" ? fold(text) === wanted : fold(text).includes(wanted);
  return textsOf(condition.field, message).some(matches);
}

function textsOf(field: "from" | "to" | "subject" | "list-id", message: Examined): string[] {
  const { fields, listId, recipient } = message;
  if (field === "subject") return [fields.subject ?? ""];
  if (field === "list-id") return [listId];
  if (field === "from") return wordsOf(fields.from);
  return [recipient, ...wordsOf(fields.to), ...wordsOf(fields.cc)];
}

/** Name and address each by itself: `is` means one of them. */
const wordsOf = (addresses: readonly EmailAddress[] | null): string[] =>
  (addresses ?? []).flatMap(({ name, email }) => (name === null ? [email] : [name, email]));

/** Letters of any width and case, and spaces of any number, are the same. */
const fold = (text: string): string =>
  text.normalize("NFKC").toUpperCase().toLowerCase().replaceAll(/\s+/g, " ").trim();

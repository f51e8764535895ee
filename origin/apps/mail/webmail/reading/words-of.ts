import type { EmailRow } from "../../mailbox/email-store.ts";
import { listBodies } from "../../message/body-lists.ts";
import { unflow } from "../flowed.ts";
import type { WebmailContext } from "../webmail-context.ts";

/** What a person reads of a message as plain text, part by part: of a page its words. */
export async function wordsOf(
  { mail, cleaner }: Pick<WebmailContext, "mail" | "cleaner">,
  { hash }: EmailRow,
): Promise<string[]> {
  const { root, texts } = mail.emails.bodyOf(hash);
  const words: string[] = [];
  for (const part of listBodies(root).textBody) {
    const text = texts[part.partId ?? ""]?.value ?? "";
    if (part.type === "text/plain") words.push(unflow(text, part));
    else if (part.type === "text/html") words.push(await cleaner.textOf(text));
  }
  return words;
}

import type { EmailRow } from "../../mailbox/email-store.ts";
import { listBodies } from "../../message/body-lists.ts";
import type { BodyPart } from "../../message/message.ts";
import type { WebmailContext } from "../webmail-context.ts";

/** What a person reads of a message as plain text, part by part: of a page its words. */
export async function wordsOf(
  { mail, cleaner }: Pick<WebmailContext, "mail" | "cleaner">,
  { hash }: EmailRow,
): Promise<{ part: BodyPart; text: string }[]> {
  const { root, texts } = mail.emails.bodyOf(hash);
  const words: { part: BodyPart; text: string }[] = [];
  for (const part of listBodies(root).textBody) {
    const text = texts[part.partId ?? ""]?.value ?? "";
    if (part.type === "text/plain") words.push({ part, text });
    else if (part.type === "text/html") words.push({ part, text: await cleaner.textOf(text) });
  }
  return words;
}

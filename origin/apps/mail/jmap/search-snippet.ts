import type { MailContext } from "../mail-context.ts";
import type { EmailFields } from "../mailbox/email-fields.ts";
import type { EmailRow } from "../mailbox/email-store.ts";
import { foldWord, wordsOf } from "../mailbox/text-query.ts";
import { listBodies } from "../message/body-lists.ts";
import { htmlToText } from "../message/html-to-text.ts";
import { accountIdOf, accountOf } from "./account.ts";
import { invalid, isObject } from "./arguments.ts";
import { findEmail } from "./email-get.ts";
import { MethodError } from "./jmap-error.ts";
import { type Call, limits } from "./method.ts";

interface Mark {
  readonly word: string;
  readonly isWhole: boolean;
}

/** Words of a search that are marked in what it has found. */
export interface Marks {
  readonly subject: readonly Mark[];
  readonly body: readonly Mark[];
}

/** HTML in which all is escaped and the words are in `<mark>`; null where there is none of them. */
export interface Snippet {
  readonly subject: string | null;
  readonly preview: string | null;
}

/** Characters of one body that are looked through: a page of hits is looked through in one go. */
const mostRead = 200_000;

/** SearchSnippet/get (RFC 8621 §5): what of an email a search has found, marked. */
export function answerSearchSnippets(mail: MailContext, call: Call): object {
  const account = accountOf(call);
  const filter = call.args.optionalObject("filter");
  const emailIds = call.args.optionalTexts("emailIds");
  call.args.end();
  if (!emailIds) throw invalid("emailIds", "must be given, as a list of ids");
  if (emailIds.length > limits.maxObjectsInGet)
    throw new MethodError("requestTooLarge", `At most ${limits.maxObjectsInGet} ids a call.`);
  const marks = marksOf(filter);
  const notFound: string[] = [];
  const list = [...new Set(emailIds)].flatMap((emailId) => {
    const email = findEmail(mail, account, emailId);
    if (!email) {
      notFound.push(emailId);
      return [];
    }
    return [{ emailId, ...snippetOf(mail, email, marks) }];
  });
  return { accountId: accountIdOf(account), list, notFound: notFound.length === 0 ? null : notFound };
}

export function snippetOf({ emails }: Pick<MailContext, "emails">, email: EmailRow, marks: Marks): Snippet {
  const { subject } = JSON.parse(email.fields) as EmailFields;
  return {
    subject: subject === null ? null : (mark(subject, marks.subject) ?? null),
    preview: marks.body.length === 0 ? null : (excerpt(textOf(emails, email), marks.body) ?? null),
  };
}

function textOf(emails: MailContext["emails"], { hash }: EmailRow): string {
  const { root, texts } = emails.bodyOf(hash);
  return listBodies(root)
    .textBody.map(({ partId, type }) => {
      const value = partId === null ? "" : (texts[partId]?.value ?? "").slice(0, mostRead);
      return type === "text/html" ? htmlToText(value) : value;
    })
    .join("\n");
}

/** What a filter of Email/query (RFC 8621 §4.4.1) marks. */
export const marksOf = (filter: unknown): Marks => ({
  subject: marksIn(filter, ["text", "subject"]),
  body: marksIn(filter, ["text", "body"]),
});

/** The words of the filter's conditions on those fields, wherever they stand but under a NOT. */
function marksIn(filter: unknown, fields: readonly string[]): Mark[] {
  if (!isObject(filter)) return [];
  if (Array.isArray(filter["conditions"])) {
    return filter["operator"] === "NOT"
      ? []
      : filter["conditions"].flatMap((condition) => marksIn(condition, fields));
  }
  return fields.flatMap((field) => {
    const value = filter[field];
    return typeof value === "string" ? wordsOf(value) : [];
  });
}

const wordPattern = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;

const isMarked = (word: string, marks: readonly Mark[]): boolean => {
  const folded = foldWord(word);
  return marks.some(({ word: wanted, isWhole }) => (isWhole ? folded === wanted : folded.startsWith(wanted)));
};

/** The text as HTML with the words in `<mark>`; undefined where there is none of them. */
function mark(text: string, marks: readonly Mark[]): string | undefined {
  let html = "";
  let at = 0;
  let isFound = false;
  for (const { 0: word, index } of text.matchAll(wordPattern)) {
    if (!isMarked(word, marks)) continue;
    isFound = true;
    html += `${escape(text.slice(at, index))}<mark>${escape(word)}</mark>`;
    at = index + word.length;
  }
  return isFound ? html + escape(text.slice(at)) : undefined;
}

/** RFC 8621 §5: at most 255 octets; the words around the first one found. */
const longestSnippet = 255;

function excerpt(text: string, marks: readonly Mark[]): string | undefined {
  const plain = text.replaceAll(/\s+/g, " ");
  for (const { 0: word, index } of plain.matchAll(wordPattern)) {
    if (!isMarked(word, marks)) continue;
    const start = Math.max(0, plain.lastIndexOf(" ", Math.max(0, index - 40)) + 1);
    for (let length = 200; length > 0; length -= 20) {
      const snippet = mark(plain.slice(start, start + length).replace(/[\ud800-\udbff]$/, ""), marks);
      if (snippet !== undefined && Buffer.byteLength(snippet) <= longestSnippet) return snippet;
    }
    return undefined;
  }
  return undefined;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

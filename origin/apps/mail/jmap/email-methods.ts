import type { MailContext } from "../mail-context.ts";
import { answerChanges, type Followed } from "./changes-method.ts";
import { answerEmailGet } from "./email-get.ts";
import { answerEmailParse } from "./email-parse.ts";
import { answerEmailQuery, answerEmailQueryChanges } from "./email-query.ts";
import { answerEmailCopy, answerEmailImport, answerEmailSet } from "./email-set.ts";
import type { MethodTable } from "./method.ts";
import { answerSearchSnippets } from "./search-snippet.ts";

/** Email/* and SearchSnippet/get (RFC 8621 §4, §5). */
export function emailMethods(mail: MailContext): MethodTable["methods"] {
  const followed: Followed = {
    type: "Email",
    idKind: "email",
    changedSince: (account, since, limit) => mail.emails.changedSince(account, since, limit),
  };
  return {
    "Email/get": (call) => answerEmailGet(mail, call),
    "Email/changes": (call) => answerChanges(mail, call, followed),
    "Email/query": (call) => answerEmailQuery(mail, call),
    "Email/queryChanges": (call) => answerEmailQueryChanges(mail, call),
    "Email/set": (call) => answerEmailSet(mail, call),
    "Email/copy": (call) => answerEmailCopy(mail, call),
    "Email/import": (call) => answerEmailImport(mail, call),
    "Email/parse": (call) => answerEmailParse(mail, call),
    "SearchSnippet/get": (call) => answerSearchSnippets(mail, call),
  };
}

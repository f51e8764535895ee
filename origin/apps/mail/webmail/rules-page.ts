import { html } from "hono/html";
import type { Markup } from "../../../pages/layout.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { type Condition, isFlagCondition, readRules, type Rule, RuleError } from "../delivery/rule.ts";
import { formatId, parseId } from "../jmap/ids.ts";
import type { MailContext } from "../mail-context.ts";
import type { MailboxRow } from "../mailbox/mailbox-store.ts";
import { placeMailboxes } from "./mailbox-list.ts";
import type { MailRoutes } from "./mail-routes.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";
import { wordsPage } from "./words-page.ts";

/** Conditions that a form has room for at least. */
const leastLines = 3;
const mostLines = 20;

const fields = {
  from: "From",
  to: "To, Cc or your address",
  subject: "Subject",
  "list-id": "Mailing list",
  "attachment:yes": "It has a file",
  "attachment:no": "It has no file",
  "spam:yes": "It was found to be spam",
} as const;

/** What is done with what arrives, in the order in which it is looked at. */
export function mountRules({ mail }: WebmailContext, routes: MailRoutes): void {
  routes.page(
    "/rules",
    (_c, reader) => rulesPage(mail, reader),
    async (_c, { account }, form) => {
      const rules = mail.rules.list(account);
      const was = form.get("was") ?? "";
      const at = was === "" ? rules.length : rules.findIndex((rule) => JSON.stringify(rule) === was);
      if (at < 0) return wordsPage("That was not done", "This rule was changed in another window.", 422);
      const mailboxes = new Set(mail.mailboxes.list(account).map(({ id }) => id));
      try {
        const changed = readRules(change(rules, at, form), (id) => mailboxes.has(id));
        await mail.database.write((transaction) => mail.rules.replace(transaction, account, changed));
      } catch (error) {
        if (error instanceof RuleError) return wordsPage("That was not saved", error.message, 422);
        throw error;
      }
      return redirectTo("/rules?said=settings");
    },
  );
}

/** All of them, with the one that the form is about saved, moved or left out. */
function change(rules: readonly Rule[], at: number, form: URLSearchParams): unknown[] {
  const others = rules.filter((_, index) => index !== at);
  const rule = rules[at];
  switch (form.get("act")) {
    case "delete":
      return others;
    case "sooner":
      return rule ? others.toSpliced(Math.max(0, at - 1), 0, rule) : others;
    case "later":
      return rule ? others.toSpliced(at + 1, 0, rule) : others;
    default:
      return others.toSpliced(at, 0, ruleOf(form) as Rule);
  }
}

function ruleOf(form: URLSearchParams): object {
  const conditions = Array.from({ length: mostLines }, (_, line): object | undefined => {
    const field = form.get(`field-${line}`) ?? "";
    const [flag = "", state] = field.split(":");
    if (state !== undefined) return { field: flag, value: state === "yes" };
    const value = (form.get(`value-${line}`) ?? "").toWellFormed().trim();
    return value === "" ? undefined : { field, test: form.get(`test-${line}`) ?? "contains", value };
  }).filter((condition) => condition !== undefined);
  const fileInto = parseId("mailbox", form.get("into"));
  return {
    name: (form.get("name") ?? "").toWellFormed(),
    match: form.get("match") ?? "all",
    conditions,
    actions: {
      ...(fileInto !== undefined && { fileInto }),
      ...Object.fromEntries(
        ["markRead", "flag", "trash", "stop"].filter((act) => form.has(act)).map((act) => [act, true]),
      ),
    },
  };
}

function rulesPage(mail: MailContext, { account }: Reader): MailPage {
  const rules = mail.rules.list(account);
  const mailboxes = mail.mailboxes.list(account);
  return {
    title: "Rules",
    body: html`<div class="sheet"><h1>Rules</h1>
<p>What arrives is looked at by each of them, from the first to the last. Of two that disagree the later one counts.</p>
${
  rules.length === 0
    ? html`<p>There are none yet.</p>`
    : html`<ol class="own">${rules.map(
        (rule, index) =>
          html`<li><b>${rule.name || `Rule ${index + 1}`}</b>: ${wordsOf(rule, mailboxes)}
<details><summary>Change<span class="unseen"> rule ${index + 1}</span></summary>${ruleForm(rule, index + 1, mailboxes)}</details></li>`,
      )}</ol>`
}
<h2>A new one</h2>
${ruleForm(undefined, 0, mailboxes)}</div>`,
  };
}

function wordsOf({ match, conditions, actions }: Rule, mailboxes: readonly MailboxRow[]): string {
  const when = conditions
    .map((condition) =>
      isFlagCondition(condition)
        ? fields[keyOf(condition)]
        : `${fields[condition.field]} ${condition.test} “${condition.value}”`,
    )
    .join(match === "all" ? " and " : " or ");
  const into = mailboxes.find(({ id }) => id === actions.fileInto);
  const acts = [
    actions.fileInto === undefined ? "" : `into ${into?.name ?? "the inbox (its folder is gone)"}`,
    actions.trash ? "into the trash" : "",
    actions.markRead ? "marked as read" : "",
    actions.flag ? "flagged" : "",
    actions.stop ? "and no rule after it" : "",
  ];
  return `${when}: ${acts.filter(Boolean).join(", ")}`;
}

function keyOf(condition: Condition): keyof typeof fields {
  if (!isFlagCondition(condition)) return condition.field;
  return condition.field === "spam" ? "spam:yes" : `attachment:${condition.value ? "yes" : "no"}`;
}

function ruleForm(rule: Rule | undefined, number: number, mailboxes: readonly MailboxRow[]): Markup {
  const { name = "", match = "all", conditions = [], actions = {} } = rule ?? {};
  const lines = Math.min(Math.max(leastLines, conditions.length + 1), mostLines);
  const id = (what: string): string => `${what}-of-${number}`;
  const choice = (act: "markRead" | "flag" | "trash" | "stop", words: string): Markup =>
    html`<label class="choice"><input type="checkbox" name="${act}" value="yes"${actions[act] ? html` checked` : ""}> ${words}</label>`;
  return html`<form method="post" action="/rules">
<input type="hidden" name="was" value="${rule ? JSON.stringify(rule) : ""}">
<div class="line"><label for="${id("name")}">Name</label><input id="${id("name")}" name="name" value="${name}" maxlength="100" autocomplete="off"></div>
<div class="line"><label for="${id("match")}">If</label><select id="${id("match")}" name="match">${options({ all: "all of these hold", any: "one of these holds" }, match)}</select></div>
${Array.from({ length: lines }, (_, line) => conditionLine(conditions[line], line, number))}
<div class="line"><label for="${id("into")}">Into the folder</label><select id="${id("into")}" name="into"><option value="">where it would be</option>${placeMailboxes(
    mailboxes,
  )
    .filter(({ role }) => role !== "drafts" && role !== "sent" && role !== "trash")
    .map(
      (row) =>
        html`<option value="${formatId("mailbox", row.id)}"${row.id === actions.fileInto ? html` selected` : ""}>${"– ".repeat(row.depth)}${row.name}</option>`,
    )}</select></div>
${choice("markRead", "Mark as read")}
${choice("flag", "Flag")}
${choice("trash", "Into the trash")}
${choice("stop", "No rule after this one")}
<div class="send">
<button name="act" value="save">Save</button>
${
  rule
    ? html`<button class="quiet" name="act" value="sooner">Sooner</button>
<button class="quiet" name="act" value="later">Later</button>
<button class="quiet" name="act" value="delete">Delete</button>`
    : ""
}
</div>
</form>`;
}

function conditionLine(condition: Condition | undefined, line: number, number: number): Markup {
  const text = condition && !isFlagCondition(condition) ? condition : undefined;
  const words = `condition ${line + 1}${number === 0 ? "" : ` of rule ${number}`}`;
  return html`<div class="condition">
<select name="field-${line}" aria-label="What, ${words}">${options(fields, condition && keyOf(condition))}</select>
<select name="test-${line}" aria-label="How, ${words}">${options({ contains: "contains", is: "is" }, text?.test)}</select>
<input name="value-${line}" value="${text?.value ?? ""}" maxlength="500" autocomplete="off" aria-label="Text, ${words}">
</div>`;
}

const options = (words: Readonly<Record<string, string>>, chosen: string | undefined): Markup =>
  html`${Object.entries(words).map(
    ([value, text]) =>
      html`<option value="${value}"${value === chosen ? html` selected` : ""}>${text}</option>`,
  )}`;

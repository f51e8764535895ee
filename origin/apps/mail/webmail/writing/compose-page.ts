import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { html } from "hono/html";
import { nextPath } from "../../../../gate/next-path.ts";
import type { HttpEnv } from "../../../../http/request-context.ts";
import type { Markup } from "../../../../pages/layout.ts";
import { redirectTo } from "../../../../pages/redirect.ts";
import { accountIdOf } from "../../jmap/account.ts";
import { findEmail } from "../../jmap/email-get.ts";
import { formatId } from "../../jmap/ids.ts";
import type { IdentityRow } from "../../sending/identity-store.ts";
import { RefusedError } from "../jmap-client.ts";
import { backTo, type MailRoutes } from "../mail-routes.ts";
import { formatSize } from "../reading/message-view.ts";
import type { MailPage, Reader, WebmailContext } from "../webmail-context.ts";
import { notThere } from "../words-page.ts";
import { type AnswerKind, beginAnswer, signed } from "./answers.ts";
import { readComposeForm } from "./compose-form.ts";
import {
  type Attachment,
  attachmentsOf,
  type Draft,
  emptyDraft,
  openDraft,
  readDraft,
  saveDraft,
} from "./draft.ts";
import { sendDraft } from "./send.ts";

/** Writing: new messages, answers, drafts; sending and calling back. */
export function mountCompose(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail, undo } = webmail;

  routes.page("/compose", async (c, reader) => {
    await mail.identities.open(reader.account, reader.member.name);
    const identities = mail.identities.list(reader.account);
    const draft = await beginDraft(webmail, c, reader, identities);
    if (!draft) return notThere("There is no such message.");
    return composePage(reader, identities, draft, { next: cameFrom(c) });
  });

  routes.receive("/compose/send", async (c, reader) => {
    const { account } = reader;
    const { draft, act, form, next } = await readComposeForm(mail, c, account);
    await mail.identities.open(account, reader.member.name);
    if (act === "discard") return await discard(webmail, reader, draft, next);
    const identities = mail.identities.list(account);
    let kept = draft;
    try {
      const email = await saveDraft(webmail, reader, draft);
      kept = { ...draft, email: email.id, attachments: attachmentsOf(mail, email) };
      if (act !== "send") {
        const query = new URLSearchParams({ draft: formatId("email", email.id), said: "saved" });
        if (next !== null) query.set("next", nextPath(next));
        return redirectTo(`/compose?${query.toString()}`);
      }
      if (undo.hasSent(account, form)) throw sentBefore();
      return backTo(next, { act: await sendDraft(webmail, reader, kept, email, form) });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return composePage(reader, identities, kept, { next: nextPath(next), problem: describeRefusal(error) });
    }
  });

  // The script calls it while somebody writes.
  routes.act("/compose/draft", async (c, reader, fields) => {
    await mail.identities.open(reader.account, reader.member.name);
    const email = await saveDraft(webmail, reader, readDraft(fields));
    return c.json({ draft: formatId("email", email.id), attachments: attachmentsOf(mail, email) }, 200, {
      "cache-control": "no-store",
    });
  });
}

/** Into the trash, from where it can be taken back; what was never kept is gone with its page. */
async function discard(
  { mail, undo }: WebmailContext,
  { account }: Reader,
  { email: id }: Draft,
  next: string | null,
): Promise<Response> {
  const email = id === undefined ? undefined : mail.emails.get(account, id);
  const trash = mail.mailboxes.byRole(account, "trash");
  // What was sent meanwhile, in another window, is no draft any more.
  if (!email || !trash || !mail.emails.keywordsOf(email.id).includes("$draft")) return backTo(next, {});
  const act = await mail.database.write((transaction) => {
    const emails = [{ id: email.id, mailboxes: mail.emails.mailboxesOf(email.id) }];
    mail.emails.setMailboxes(transaction, email, [trash.id]);
    return undo.note(transaction, account, "1 draft moved to the trash.", { kind: "restore", emails });
  });
  return backTo(next, { act });
}

/** What the address of the page asks for: a draft, an answer, or a new message as a link has it (RFC 6068). */
async function beginDraft(
  webmail: WebmailContext,
  c: Context<HttpEnv>,
  { account, zone }: Reader,
  identities: readonly IdentityRow[],
): Promise<Draft | undefined> {
  const { mail } = webmail;
  const draft = c.req.query("draft");
  if (draft !== undefined) {
    const email = findEmail(mail, account, draft);
    return email && openDraft(mail, email, identities);
  }
  for (const kind of ["reply", "reply-all", "forward"] as const satisfies readonly AnswerKind[]) {
    const id = c.req.query(kind);
    if (id === undefined) continue;
    const email = findEmail(mail, account, id);
    return email && (await beginAnswer(webmail, email, kind, { identities, zone }));
  }
  const given = new URLSearchParams(
    ["to", "cc", "bcc", "subject", "body"].map((name): [string, string] => [name, c.req.query(name) ?? ""]),
  );
  const { to, cc, bcc, subject, body } = readDraft(given);
  return { ...emptyDraft, to, cc, bcc, subject, body: body === "" ? `\n${signed(identities[0])}` : body };
}

function cameFrom(c: Context<HttpEnv>): string {
  const wished = c.req.query("next");
  if (wished !== undefined) return nextPath(wished);
  const referrer = URL.parse(c.req.header("referer") ?? "");
  const path = referrer ? nextPath(`${referrer.pathname}${referrer.search}`) : "/";
  return path.startsWith("/compose") ? "/" : path;
}

/** A page that was gone back to, or a connection that broke before the answer came. */
const sentBefore = (): RefusedError =>
  new RefusedError({
    type: "sentBefore",
    description:
      "This message was sent before, by this form. What stands here is kept as a draft of its own: send it if you mean another message, or discard it.",
  });

function describeRefusal({ type, message, details }: RefusedError): string {
  switch (type) {
    case "noRecipients":
      return "To whom? Write at least one address.";
    case "invalidRecipients": {
      const wrong = details["invalidRecipients"];
      return Array.isArray(wrong) ? `These are no addresses: ${wrong.join(", ")}` : message;
    }
    case "blobNotFound":
      return "A file that was attached is no longer here: this draft was changed in another window. Attach it again.";
    case "tooLarge":
      return "With its files this message is larger than relays take. Attach less.";
    default:
      return message;
  }
}

function composePage(
  { account }: Reader,
  identities: readonly IdentityRow[],
  draft: Draft,
  { next, problem }: { next: string; problem?: string },
): MailPage {
  const title = draft.subject === "" ? "New message" : draft.subject;
  const hasCopies = draft.cc !== "" || draft.bcc !== "";
  const recipients = (name: "to" | "cc" | "bcc", words: string): Markup =>
    html`<div class="line"><label for="${name}">${words}</label>
<input id="${name}" name="${name}" value="${draft[name]}" dir="auto" autocomplete="off" spellcheck="false" autocapitalize="none" inputmode="email"${name === "to" && draft.to === "" ? html` autofocus` : ""}></div>`;
  return {
    title: problem === undefined ? title : `Error: ${title}`,
    ...(problem !== undefined && { status: 422 }),
    body: html`<div class="above"><h1>${draft.answers === undefined ? "Write" : "Answer"}</h1><p class="hint" id="saved" role="status"></p></div>
<form class="compose" id="compose" method="post" action="/compose/send" enctype="multipart/form-data" data-upload="/jmap/upload/${accountIdOf(account)}" data-draft="/compose/draft">
<div class="alert" role="alert"${problem === undefined ? html` hidden` : ""}>${problem ?? ""}</div>
<input type="hidden" name="draft" value="${draft.email === undefined ? "" : formatId("email", draft.email)}">
<input type="hidden" name="answers" value="${draft.answers === undefined ? "" : formatId("email", draft.answers)}">
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="form" value="${randomUUID()}">
${identities.length > 1 ? senderLine(identities, draft.identity) : ""}
${recipients("to", "To")}
<details class="copies"${hasCopies ? html` open` : ""}><summary>Cc, Bcc</summary>
${recipients("cc", "Cc")}
${recipients("bcc", "Bcc")}
</details>
<div class="line"><label for="subject">Subject</label>
<input id="subject" name="subject" value="${draft.subject}" dir="auto" maxlength="2000" autocomplete="off"></div>
<label class="unseen" for="body">Message</label>
<textarea id="body" name="body" rows="12"${draft.to === "" ? "" : html` autofocus`}>
${draft.body}</textarea>
<ul class="attachments" id="attachments">${draft.attachments.map(attachmentLine)}</ul>
<div class="line files"><label for="files">Attach files</label><input id="files" name="files" type="file" multiple></div>
<div class="send">
<button name="act" value="send" data-key="Ctrl+Enter">Send</button>
<button class="quiet" name="act" value="save">Save draft</button>
<button class="quiet" name="act" value="discard" formnovalidate>Discard</button>
</div>
</form>`,
  };
}

/** As whom: there is something to choose, and no field to tab through otherwise. */
const senderLine = (identities: readonly IdentityRow[], chosen: number | undefined): Markup =>
  html`<div class="line"><label for="from">From</label>
<select id="from" name="from">${identities.map(
    ({ id, name, email }) =>
      html`<option value="${formatId("identity", id)}"${id === chosen ? html` selected` : ""}>${name === "" ? email : `${name} <${email}>`}</option>`,
  )}</select></div>`;

function attachmentLine(attachment: Attachment): Markup {
  const { blobId, name, size } = attachment;
  return html`<li><input type="hidden" name="attachment" value="${JSON.stringify(attachment)}">
<span>${name} <span class="hint">${formatSize(size)}</span></span>
<label class="remove"><input type="checkbox" name="remove" value="${blobId}"> Leave out<span class="unseen"> ${name}</span></label></li>`;
}

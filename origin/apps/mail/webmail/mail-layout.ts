import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../../http/request-context.ts";
import { emblem } from "../../../pages/layout.ts";
import type { Markup } from "../../../pages/layout.ts";
import { boxList } from "./mailbox-list.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";

/** What is said above a page that an act has led back to: the address names one of these and nothing else. */
const sayings: Readonly<Record<string, string>> = {
  saved: "The draft is saved.",
  settings: "Saved.",
  undone: "Taken back.",
  late: "That can no longer be taken back.",
  sent: "It is on its way already: it cannot be called back.",
  none: "Nothing was chosen. Tick a line first.",
  emptied: "Emptied.",
  deleted: "Deleted for good.",
  folder: "Done.",
  attached: "The file is attached.",
};

const stylesheets = ["webmail.css", "lists.css", "conversation.css", "forms.css"];

/** A page in the frame of the webmail: mailboxes at its side, search and writing above. */
export async function showPage(
  webmail: WebmailContext,
  c: Context<HttpEnv>,
  reader: Reader,
  page: MailPage,
): Promise<Response> {
  const { assets, layout, mail } = webmail;
  const mailboxes = mail.mailboxes.list(reader.account);
  const unread = mailboxes.find(({ role }) => role === "inbox")?.unreadThreads ?? 0;
  const { title, status, cookies } = page;
  return await layout(c, {
    title: page.mailbox !== undefined && unread > 0 ? `(${unread}) ${title}` : title,
    ...(status !== undefined && { status }),
    ...(cookies && { cookies }),
    scripts: [assets.url("webmail.js")],
    frame: {
      stylesheets: stylesheets.map((name) => assets.url(name)),
      head: html`<link rel="manifest" href="/manifest.webmanifest">
<link rel="apple-touch-icon" href="/favicon.svg">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f0e4">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#191511">
<meta name="burrow-zone" content="${reader.zone.name}">`,
      header: header(page),
      policy: ["frame-src 'self'", "manifest-src 'self'"],
    },
    body: html`<div class="mail">
<nav class="boxes" id="boxes" aria-label="Folders">${boxList(mailboxes, page.mailbox)}</nav>
<div class="pane" id="pane">${notice(webmail, c, reader)}${page.body}</div>
</div>`,
  });
}

function header({ search = "" }: MailPage): Markup {
  return html`<a class="menu" href="/folders" aria-label="Folders"><span aria-hidden="true">☰</span></a>
<a class="brand" href="/" aria-label="Mail: inbox">${emblem}<span>Mail</span></a>
<form class="search" action="/search" role="search">
<label class="unseen" for="q">Search mail</label>
<input id="q" name="q" type="search" value="${search}" placeholder="Search mail" autocomplete="off" maxlength="1000" data-key="/" aria-keyshortcuts="/">
</form>
<a class="button compose" href="/compose" data-key="c" aria-keyshortcuts="c"><span aria-hidden="true">✎</span> <span>Write</span></a>
<a class="help" href="/help" data-key="?" aria-label="Help and keys"><span aria-hidden="true">?</span></a>`;
}

function notice({ undo }: WebmailContext, c: Context<HttpEnv>, { account }: Reader): Markup | string {
  const id = Number(c.req.query("act") ?? 0);
  const act = Number.isSafeInteger(id) && id > 0 ? undo.find(account, id) : undefined;
  if (act) {
    const { pathname, search } = new URL(c.req.url);
    return html`<form class="notice" role="status" id="notice" method="post" action="/undo">
<span>${act.words}</span>
<input type="hidden" name="act" value="${act.id}">
<input type="hidden" name="next" value="${pathname}${search}">
<button class="quiet" data-key="z">Undo</button>
</form>`;
  }
  const said = c.req.query("said") ?? "";
  return Object.hasOwn(sayings, said)
    ? html`<p class="notice" role="status" id="notice">${sayings[said]}</p>`
    : html`<p class="notice" role="status" id="notice" hidden></p>`;
}

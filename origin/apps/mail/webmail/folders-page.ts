import { html } from "hono/html";
import { redirectTo } from "../../../pages/redirect.ts";
import { formatId } from "../jmap/ids.ts";
import { findMailbox, mailboxLimits } from "../jmap/mailbox-methods.ts";
import { callJmap } from "./jmap-client.ts";
import { boxList, type PlacedMailbox, placeMailboxes } from "./mailbox-list.ts";
import type { MailRoutes } from "./mail-routes.ts";
import type { Markup } from "../../../pages/layout.ts";
import type { WebmailContext } from "./webmail-context.ts";

/** Folders of one's own: make, rename, delete. On a phone this is also the way from one to another. */
export function mountFolders(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail } = webmail;
  routes.page(
    "/folders",
    (_c, reader) => {
      const rows = mail.mailboxes.list(reader.account);
      const own = placeMailboxes(rows).filter(({ role }) => role === null);
      return {
        title: "Folders",
        body: html`<div class="sheet"><h1>Folders</h1>
<nav class="boxes-here" aria-label="All folders">${boxList(rows, undefined)}</nav>
<h2>Your own</h2>
${own.length === 0 ? html`<p>You have none yet.</p>` : html`<ul class="own">${own.map(ownFolder)}</ul>`}
<h2>A new one</h2>
<form method="post" action="/folders">
<div class="line"><label for="name">Name</label><input id="name" name="name" required maxlength="${mailboxLimits.nameBytes}" autocomplete="off"></div>
<div class="line"><label for="parent">Within</label><select id="parent" name="parent"><option value="">nothing</option>${own.map(
          ({ id, name, depth }) =>
            html`<option value="${formatId("mailbox", id)}">${"– ".repeat(depth)}${name}</option>`,
        )}</select></div>
<button name="act" value="make">Make it</button>
</form></div>`,
      };
    },
    async (_c, reader, fields) => {
      const mailbox = findMailbox(mail, reader.account, fields.get("mailbox") ?? "");
      const id = fields.get("mailbox") ?? "";
      switch (fields.get("act")) {
        case "make":
          await callJmap(webmail, reader, [
            "Mailbox/set",
            {
              create: {
                made: {
                  name: fields.get("name") ?? "",
                  parentId: fields.get("parent") || null,
                  sortOrder: 100,
                },
              },
            },
          ]);
          break;
        case "rename":
          await callJmap(webmail, reader, [
            "Mailbox/set",
            { update: { [id]: { name: fields.get("name") ?? "" } } },
          ]);
          break;
        case "delete":
          // Of a role it stays: programs look for it. What lies in it is looked at and moved before.
          if (mailbox?.role === null) {
            await callJmap(webmail, reader, ["Mailbox/set", { destroy: [id] }]);
          }
          break;
        default:
      }
      return redirectTo("/folders?said=folder");
    },
  );
}

function ownFolder({ id, name, emails, depth }: PlacedMailbox): Markup {
  const box = formatId("mailbox", id);
  return html`<li class="depth-${Math.min(depth, 4)}"><a href="/box/${box}">${name}</a>
<details><summary>Change<span class="unseen"> ${name}</span></summary>
<form method="post" action="/folders">
<input type="hidden" name="mailbox" value="${box}">
<div class="line"><label for="name-${id}">New name</label><input id="name-${id}" name="name" value="${name}" maxlength="${mailboxLimits.nameBytes}" autocomplete="off"></div>
<button name="act" value="rename">Rename</button>
${
  emails > 0
    ? html`<p class="hint">It holds ${emails === 1 ? "a message" : `${emails} messages`}: move them elsewhere, then it can be deleted.</p>`
    : html`<button class="quiet" name="act" value="delete">Delete</button>`
}
</form></details></li>`;
}

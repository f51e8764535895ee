import { html } from "hono/html";
import type { MailRoutes } from "./mail-routes.ts";
import { hints } from "./reading/search-page.ts";

const keys = [
  ["j, k", "the next line, the one before"],
  ["Enter, o", "open it"],
  ["x", "tick it"],
  ["Escape", "back to the list"],
  ["e", "archive"],
  ["#", "delete"],
  ["Shift+I, u", "mark as read, as unread"],
  ["s", "flag"],
  ["!", "spam, or no spam"],
  ["z", "undo"],
  ["r, a, f", "reply, reply to all, forward"],
  ["c", "write"],
  ["Ctrl+Enter", "send"],
  ["/", "search"],
  ["?", "this page"],
] as const;

export function mountHelp(routes: MailRoutes): void {
  routes.page("/help", () => ({
    title: "Help",
    body: html`<div class="sheet"><h1>Help</h1>
<h2>Search</h2>
${hints}
<h2>What others sent</h2>
<p>A message made of HTML is shown in a frame that can run nothing and fetch nothing. Pictures of other servers are
fetched by your browser once you press “Show pictures”: their servers learn by it that you read the message, and your
address. A link says where it leads when its words name another place.</p>
<h2>Keys</h2>
<dl class="hints">${keys.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
<p>All of it can be reached by Tab and Enter, too.</p>
</div>`,
  }));
}

import { html } from "hono/html";
import type { IdContext } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";
import { signOutForm } from "./sign-out.ts";

/** The member's own page: what there is of the account, and the way to each of it. */
export function mountOwnPage({ config, members }: IdContext, routes: MemberRoutes): void {
  routes.page("/", (_c, who) => ({
    title: who.name,
    body: html`<div class="card">
<h1>Hello, ${who.name}</h1>
${
  members.get(who.memberId)?.state === "suspended"
    ? html`<div class="alert" role="status">Your account is suspended: you can read your chats, and not write. Ask the owner of this server.</div>`
    : ""
}
<dl class="facts">
<div><dt>User ID</dt><dd><code>@${who.name}:${config.serverName}</code></dd></div>
</dl>
${signOutForm}
</div>`,
  }));
}

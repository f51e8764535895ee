import { html } from "hono/html";
import { cookieNames, forgetCookie } from "../../gate/web-sessions/cookies.ts";
import type { ListedWebSession } from "../../members/web-sessions/web-session.ts";
import { ago } from "../../pages/ago.ts";
import type { Markup } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { doneNote } from "./done-note.ts";
import { confirmedForm } from "./factors/confirmed-form.ts";
import { idOf } from "./factors/member-act.ts";
import type { IdContext } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";
import { renameForm } from "./rename-form.ts";

const path = "/sessions";

const doneTexts = {
  renamed: "The browser has its new name.",
  ended: "That browser is signed out, here and in every app.",
  others: "All other browsers are signed out.",
} as const;

/** The browsers in which a member is signed in: listed, named, signed out. */
export function mountSessions({ members, now }: IdContext, routes: MemberRoutes): void {
  const { webSessions } = members;

  routes.page(path, (c, who) => {
    const sessions = webSessions.list(who.memberId);
    return {
      title: "Browsers",
      body: html`<div class="card">
<h1>Browsers</h1>
${doneNote(c, doneTexts)}
<p>Where you are signed in with a browser. One that you do not know: sign it out, and <a href="/password">change your
password</a>.</p>
<ul class="rows">${sessions.map((session) => row(session, session.id === who.sessionId, now()))}</ul>
${sessions.length > 1 ? html`<form method="post" action="${path}/end-others"><button type="submit">Sign out all others</button></form>` : ""}
${confirmedForm({
  action: `${path}/end-all`,
  verb: "Sign out everywhere",
  what: "of all browsers",
  button: "Sign out everywhere",
  consequence:
    "Every browser is signed out, this one too. Chat apps stay signed in: they are on the page of chat devices.",
})}
<p class="onward"><a href="/">Your account</a></p>
</div>`,
    };
  });

  routes.act(`${path}/:id/name`, async (c, { memberId }, fields) => {
    await webSessions.rename(memberId, idOf(c), fields.get("name") ?? "");
    return redirectTo(`${path}?done=renamed`);
  });
  routes.act(`${path}/:id/end`, async (c, { memberId }) => {
    await webSessions.end(memberId, idOf(c));
    return redirectTo(`${path}?done=ended`);
  });
  routes.act(`${path}/end-others`, async (_c, { memberId, sessionId }) => {
    await webSessions.endOthers(memberId, sessionId);
    return redirectTo(`${path}?done=others`);
  });
  routes.act(`${path}/end-all`, async (_c, { memberId }) => {
    await webSessions.endAll(memberId);
    return redirectTo("/sign-out", [forgetCookie(cookieNames.session)]);
  });
}

function row(session: ListedWebSession, isThis: boolean, now: number): Markup {
  const { id, name, browser, network, createdAt, lastSeenAt, hosts } = session;
  const title = name ?? browser;
  return html`<li>
<p><strong>${title}</strong>${isThis ? html` <span class="mark">this browser</span>` : ""}</p>
<p class="hint">${name === null ? "" : `${browser}. `}Last used ${ago(lastSeenAt, now)} from ${network}, signed in ${ago(createdAt, now)}.${
    hosts.length === 0 ? "" : ` Apps: ${hosts.join(", ")}.`
  }</p>
<div class="actions">
${renameForm({ action: `${path}/${id}/name`, id: `session-${id}`, name: name ?? "", what: title })}
${isThis ? "" : html`<form method="post" action="${path}/${id}/end"><button type="submit" class="quiet">Sign out<span class="unseen"> ${title}</span></button></form>`}
</div>
</li>`;
}

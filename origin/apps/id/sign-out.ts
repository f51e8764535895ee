import { html } from "hono/html";
import { cookieNames, forgetCookie } from "../../gate/web-sessions/cookies.ts";
import { answerForm, refuseOtherMethods } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { type IdContext, whoIsSignedIn } from "./id-context.ts";

const signedOut: Page = {
  title: "Signed out",
  body: html`<div class="card">
<h1>Signed out</h1>
<p>This browser is signed out, here and in every app of this server.</p>
<p><a href="/sign-in">Sign in</a></p>
</div>`,
};

/** Signing out, by a form only. Without a valid session it changes nothing. */
export function mountSignOut(id: IdContext): void {
  const { routes, layout, members } = id;
  routes.get("/sign-out", async (c) =>
    layout(c, (await whoIsSignedIn(id, c)) ? { title: "Sign out", body: signOutCard } : signedOut),
  );
  routes.post("/sign-out", (c) =>
    answerForm(c, layout, async () => {
      const who = await whoIsSignedIn(id, c);
      if (!who) return signedOut;
      await members.webSessions.end(who.memberId, who.sessionId);
      return { ...signedOut, cookies: [forgetCookie(cookieNames.session)] };
    }),
  );
  refuseOtherMethods(routes, layout, "/sign-out", "GET, HEAD, POST");
}

export const signOutForm = html`<form method="post" action="/sign-out"><button type="submit">Sign out</button></form>`;

const signOutCard = html`<div class="card">
<h1>Sign out</h1>
<p>This browser is signed out, here and in every app of this server. Chat apps stay signed in.</p>
${signOutForm}
</div>`;

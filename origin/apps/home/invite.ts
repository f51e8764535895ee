import type { Hono } from "hono";
import { html } from "hono/html";
import type { AppContext } from "../../app.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { shortestPassword } from "../../members/password-strength.ts";
import type { Layout } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { mountAccountForm } from "./account-form.ts";
import { signInAddress } from "./sign-in-address.ts";
import { signInSteps } from "./sign-in-steps.ts";

/** Opening an invite (M2): for clients that cannot register by token themselves, and for people. */
export function mountInvite(
  routes: Hono<HttpEnv>,
  { config, members, guesses }: AppContext,
  layout: Layout,
  script: string,
): void {
  mountAccountForm(routes, layout, {
    path: "/invite",
    title: "You are invited",
    intro: html`<p>Choose how you want to be called on <strong>${config.serverName}</strong>. The name stays, the
password you can change later.</p>`,
    tokenLabel: "Invite code",
    tokenHint: "The part after # in the link that you were sent. It begins with bit_.",
    submit: "Accept the invite",
    shortestPassword: shortestPassword.member,
    serverName: config.serverName,
    script,
    wrongToken: { kind: "invite-token", refusal: "invite-invalid" },
    guesses,
    instead: () =>
      members.claimed()
        ? undefined
        : plainPage("Not ready yet", "This server has no owner yet, so nobody can have been invited to it."),
    submitted: ({ token, name, password }) => members.register({ inviteToken: token, name, password }),
    done: (c, member) => ({
      title: "Welcome",
      body: html`<div class="card">
<h1>Welcome, ${member.name}</h1>
<p>Your account is there. The chat app of your choice does the rest; several at once are fine.</p>
<h2>Sign in</h2>
${signInSteps(config, member.name)}
<h2>Your account</h2>
<p>Devices, browsers and password are on <a href="${signInAddress(c, config.hosts)}">your own page</a>.</p>
</div>`,
    }),
  });
}

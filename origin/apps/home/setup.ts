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

/** Claiming the server (G1): once, with the token that the device has printed. */
export function mountSetup(
  routes: Hono<HttpEnv>,
  { config, members, guesses }: AppContext,
  layout: Layout,
  script: string,
): void {
  mountAccountForm(routes, layout, {
    path: "/setup",
    title: "Make this server yours",
    intro: html`<p>You become the owner of <strong>${config.serverName}</strong>. The owner invites people, and
nobody else can claim the server after you.</p>`,
    tokenLabel: "Set-up code",
    tokenHint: "The part after # in the set-up link that the device has printed. It begins with bst_.",
    submit: "Claim this server",
    shortestPassword: shortestPassword.owner,
    serverName: config.serverName,
    script,
    wrongToken: { kind: "setup-token", refusal: "setup-invalid" },
    guesses,
    instead: () =>
      members.claimed()
        ? plainPage(
            "This server has an owner",
            "It has been claimed already, and that happens only once. If it was you, sign in; otherwise ask the owner for an invite.",
          )
        : undefined,
    submitted: (typed) => members.claim(typed),
    done: (c, owner) => ({
      title: "The server is yours",
      body: html`<div class="card">
<h1>The server is yours, ${owner.name}</h1>
<h2>Sign in</h2>
${signInSteps(config, owner.name)}
<h2>Your account</h2>
<p>Devices, browsers and password are on <a href="${signInAddress(c, config.hosts)}">your own page</a>.</p>
<h2>Invite somebody</h2>
<p>On the device, in the folder of Burrow, run this. It prints a link that lets one person in.</p>
<pre><code>bin/burrow --data "${config.dataDir}" invite create --name Ben</code></pre>
</div>`,
    }),
  });
}

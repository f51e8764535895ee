import type { Context } from "hono";
import { html } from "hono/html";
import { oauthPaths } from "../../gate/oauth/authorization-server.ts";
import type { Identity } from "../../gate/identity.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { answerForm } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import type { OidcContext } from "./oidc-context.ts";
import { requireHere } from "./who-is-here.ts";

/** How long a member's yes holds: until the client has tried again, ms. */
const approvedFor = 10 * 60 * 1000;

/** Where an account management action leads (Matrix §Account management URL actions), also by its earlier name. */
const placeOf: Readonly<Record<string, string>> = {
  "org.matrix.cross_signing_reset": oauthPaths.crossSigningReset,
};

/** What clients send their people to this host for: the account itself is not theirs to change. */
export function createAccountPages(oidc: OidcContext) {
  const { pages, members } = oidc;

  function lead(c: Context<HttpEnv>): Response {
    return redirectTo(placeOf[c.req.query("action") ?? ""] ?? "/");
  }

  async function showReset(c: Context<HttpEnv>): Promise<Response> {
    const here = await requireHere(oidc, c);
    return here instanceof Response ? here : await pages.layout(c, resetPage(here));
  }

  function approveReset(c: Context<HttpEnv>): Promise<Response> {
    return answerForm(c, pages.layout, async () => {
      const here = await requireHere(oidc, c);
      if (here instanceof Response) return here;
      await members.approve(here.memberId, "cross-signing-reset", approvedFor);
      return approvedPage();
    });
  }

  return { lead, showReset, approveReset };
}

function resetPage({ name }: Identity): Page {
  return {
    title: "Reset your identity?",
    body: html`<div class="card">
<h1>Reset your identity?</h1>
<p>You are <strong>${name}</strong>. An app of yours wants to replace the keys by which others know your devices. Do this
only if you have no other device left that is verified, and no recovery key.</p>
<ul>
<li>Others will see a warning, and have to verify you again.</li>
<li>Messages that only the old keys can open stay closed.</li>
</ul>
<form method="post" action="${oauthPaths.crossSigningReset}">
<button type="submit" class="danger">Allow it for ten minutes</button>
</form>
<p><a href="/">Leave everything as it is</a></p>
</div>`,
  };
}

function approvedPage(): Page {
  return {
    title: "Allowed",
    body: html`<div class="card">
<h1>Allowed</h1>
<p>For ten minutes. Go back to the app, and go on there.</p>
</div>`,
  };
}

import type { Context } from "hono";
import { html } from "hono/html";
import { oauthPaths } from "../../gate/oauth/authorization-server.ts";
import type { Identity } from "../../gate/identity.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { FormRefusal, readForm } from "../../pages/form-post.ts";
import type { Page } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import type { OidcContext } from "./oidc-context.ts";

/** How long a member's yes holds: until the client has tried again, ms. */
const approvedFor = 10 * 60 * 1000;

/** Where an account management action leads (Matrix §Account management URL actions), also by its earlier name. */
const placeOf: Readonly<Record<string, string>> = {
  "org.matrix.cross_signing_reset": oauthPaths.crossSigningReset,
};

/** What clients send their people to this host for: the account itself is not theirs to change. */
export function createAccountPages(oidc: OidcContext) {
  const { gate, pages, members } = oidc;

  function lead(c: Context<HttpEnv>): Response {
    return c.redirect(placeOf[c.req.query("action") ?? ""] ?? "/", 303);
  }

  async function showReset(c: Context<HttpEnv>): Promise<Response> {
    const identity = await gate.requireSession(c.env.context, c.req.raw);
    return identity instanceof Response ? identity : await pages.layout(c, resetPage(identity));
  }

  async function approveReset(c: Context<HttpEnv>): Promise<Response> {
    const identity = await gate.requireSession(c.env.context, c.req.raw);
    if (identity instanceof Response) return identity;
    try {
      await readForm(c);
    } catch (error) {
      if (!(error instanceof FormRefusal)) throw error;
      const { status, message } = error;
      return await pages.layout(c, { ...plainPage("This form was not accepted", message), status });
    }
    await members.approve(identity.memberId, "cross-signing-reset", approvedFor);
    return await pages.layout(c, approvedPage());
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

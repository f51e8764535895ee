import type { Context } from "hono";
import { html } from "hono/html";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import { oauthPaths } from "../../gate/oauth/authorization-server.ts";
import type { Identity } from "../../gate/identity.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { answerForm } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { redirectTo } from "../../pages/redirect.ts";
import type { OidcContext } from "./oidc-context.ts";
import { requireFreshHere } from "./who-is-here.ts";

/** How long a member's yes holds: until the client has tried again, ms. */
const approvedFor = 10 * 60 * 1000;

/** Of the sign-in host's own pages. */
const devicesPath = "/devices";

/** Where an account management action leads (Matrix §Account management URL actions), also by its earlier name. */
const placeOf: Readonly<Record<string, string>> = {
  "org.matrix.devices_list": devicesPath,
  "org.matrix.sessions_list": devicesPath,
  "org.matrix.device_view": devicesPath,
  "org.matrix.session_view": devicesPath,
  "org.matrix.device_delete": devicesPath,
  "org.matrix.session_end": devicesPath,
  "org.matrix.account_deactivate": oauthPaths.deactivate,
  "org.matrix.cross_signing_reset": oauthPaths.crossSigningReset,
};

/** What clients send their people to this host for: the account itself is not theirs to change. */
export function createAccountPages(oidc: OidcContext) {
  const { pages, members } = oidc;

  function lead(c: Context<HttpEnv>): Response {
    const place = placeOf[c.req.query("action") ?? ""] ?? "/";
    const deviceId = c.req.query("device_id");
    const isOne = place === devicesPath && deviceId !== undefined;
    return redirectTo(isOne ? `${place}?device_id=${encodeURIComponent(deviceId)}` : place);
  }

  async function showDeactivation(c: Context<HttpEnv>): Promise<Response> {
    const here = await requireFreshHere(oidc, c);
    return here instanceof Response ? here : await pages.layout(c, deactivationPage(here));
  }

  function deactivate(c: Context<HttpEnv>): Promise<Response> {
    return answerForm(c, pages.layout, async (fields) => {
      const here = await requireFreshHere(oidc, c);
      if (here instanceof Response) return here;
      const password = fields.get("password") ?? "";
      const deviceCookie = readDeviceCookie(c.req.header("cookie"));
      const right = await oidc.guesses.attempt(
        c.env.context,
        { kind: "password", account: here.name, credential: password, deviceCookie },
        (turn) => members.verifyPassword(here.name, password, turn),
      );
      if (right?.id !== here.memberId) return deactivationPage(here, "That is not your password.");
      await members.deactivate(here.memberId, { erase: fields.get("erase") === "yes" });
      return plainPage("Closed", "Your account is closed, and every device is signed out.");
    });
  }

  async function showReset(c: Context<HttpEnv>): Promise<Response> {
    const here = await requireFreshHere(oidc, c);
    return here instanceof Response ? here : await pages.layout(c, resetPage(here));
  }

  function approveReset(c: Context<HttpEnv>): Promise<Response> {
    return answerForm(c, pages.layout, async () => {
      const here = await requireFreshHere(oidc, c);
      if (here instanceof Response) return here;
      await members.approve(here.memberId, "cross-signing-reset", approvedFor);
      return approvedPage();
    });
  }

  return { lead, showDeactivation, deactivate, showReset, approveReset };
}

function deactivationPage({ name, role }: Identity, problem?: string): Page {
  if (role === "owner") {
    return plainPage(
      "Not possible",
      "The owner's account cannot be closed: nobody could run this server any more.",
    );
  }
  return {
    title: problem === undefined ? "Close your account?" : "Error: Close your account?",
    status: problem === undefined ? 200 : 403,
    body: html`<div class="card">
<h1>Close your account?</h1>
<p>You are <strong>${name}</strong>. Every device is signed out, you leave every room, and nobody ever gets your name
again. It cannot be undone.</p>
<form method="post" action="${oauthPaths.deactivate}">
<div class="alert" role="alert" id="problem"${problem === undefined ? html` hidden` : ""}>${problem ?? ""}</div>
<label class="choice"><input type="checkbox" name="erase" value="yes"><span>Also hide what I have written from people who join later</span></label>
<div class="field">
<label for="password">Password</label>
${passwordInput(
  "password",
  html`autocomplete="current-password"${problem === undefined ? "" : html` aria-describedby="problem" aria-invalid="true"`}`,
)}
</div>
<button type="submit">Close my account for ever</button>
</form>
<p><a href="/">Keep it</a></p>
</div>`,
  };
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
<button type="submit">Allow it for ten minutes</button>
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

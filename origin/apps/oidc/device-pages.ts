import { html } from "hono/html";
import type { Client, KoaContextWithOIDC } from "oidc-provider";
import { oauthPaths } from "../../gate/oauth/authorization-server.ts";
import type { Page } from "../../pages/layout.ts";

const action = oauthPaths.code_verification;

/** What ties a form to the browser that it was shown in, beside the check of its origin. */
function formMark({ oidc }: KoaContextWithOIDC): string {
  const secret = oidc.session?.state?.["secret"];
  return typeof secret === "string" ? secret : "";
}

/** Where somebody types the code that another device shows (RFC 8628 §3.3). */
export function codeInputPage(ctx: KoaContextWithOIDC, error?: { userCode?: string; name?: string }): Page {
  const asked = ctx.query["code"];
  const typed = error?.userCode ?? (typeof asked === "string" ? asked.slice(0, 20) : "");
  return {
    title: error ? "Error: Sign in a device" : "Sign in a device",
    status: error ? 422 : 200,
    body: html`<div class="card">
<h1>Sign in a device</h1>
<p>Type the code that the other device shows. Do so only for a device of your own that you are looking at.</p>
<form method="post" action="${action}">
<div class="alert" role="alert" id="problem"${error ? "" : html` hidden`}>${error ? problemOf(error.name) : ""}</div>
<input type="hidden" name="xsrf" value="${formMark(ctx)}">
<div class="field">
<label for="user_code">Code</label>
<input id="user_code" name="user_code" value="${typed}" required autocomplete="off" autocapitalize="characters"
 autocorrect="off" spellcheck="false" maxlength="20"${error ? html` aria-describedby="problem" aria-invalid="true"` : ""}>
</div>
<button type="submit">Continue</button>
</form>
</div>`,
  };
}

function problemOf(name: string | undefined): string {
  switch (name) {
    case "NotFoundError":
      return "There is no such code. Look again at the other device.";
    case "ExpiredError":
      return "This code is too old. Let the other device show a new one.";
    case "AlreadyUsedError":
      return "This code was used. Let the other device show a new one.";
    case "AbortedError":
      return "Nothing was signed in.";
    default:
      return "That did not work. Type the code again.";
  }
}

/** Before anything is given: what will be signed in, and as a warning to whoever was sent here by somebody else. */
export function codeConfirmPage(
  ctx: KoaContextWithOIDC,
  device: { client: Client; info: Record<string, unknown>; code: string; serverName: string },
): Page {
  const { client, info, code, serverName } = device;
  const { ip } = info;
  return {
    title: "Sign in this device?",
    body: html`<div class="card">
<h1>Sign in this device?</h1>
<p>The app <strong>${client.clientName ?? client.clientId}</strong> will be able to read and write your chats on
<strong>${serverName}</strong>, as you.</p>
<dl class="facts">
<dt>Code</dt><dd><code>${code}</code></dd>
<dt>Asked from</dt><dd>${typeof ip === "string" ? ip : "an unknown address"}</dd>
</dl>
<p><strong>Go on only if this code is on a screen in front of you.</strong> Somebody who sent you here by a message wants
your account.</p>
<form method="post" action="${action}">
<input type="hidden" name="xsrf" value="${formMark(ctx)}">
<input type="hidden" name="user_code" value="${code}">
<input type="hidden" name="confirm" value="yes">
<button type="submit">Sign it in</button>
<button type="submit" class="quiet" name="abort" value="yes">It is not mine</button>
</form>
</div>`,
  };
}

export function deviceReadyPage({ oidc }: KoaContextWithOIDC): Page {
  return {
    title: "Signed in",
    body: html`<div class="card">
<h1>Signed in</h1>
<p>${oidc.client?.clientName ?? "The device"} is signed in. You can close this page and go on there.</p>
</div>`,
  };
}

import { html } from "hono/html";
import type { Client, Interaction } from "oidc-provider";
import type { Config } from "../../config/config.ts";
import type { Markup, Page } from "../../pages/layout.ts";

/** An app of the owner's that asks whoever comes: what it is told is their name. */
export function ownAppPage({ uid, params }: Interaction, client: Client, name: string): Page {
  const shown = client.clientName ?? client.clientId;
  return {
    title: `Sign in to ${shown}?`,
    formTargets: [targetOf(new URL(String(params["redirect_uri"])))],
    body: html`<div class="card">
<h1>Sign in to ${shown}?</h1>
<p>You are signed in as <strong>${name}</strong>. The app will learn your name, your address here and which groups you are
in.</p>
${decision(uid)}
</div>`,
  };
}

/** Anybody may register a client under any name: where the answer goes is what tells who it is. */
export function consentPage(
  { uid, params }: Interaction,
  client: Client,
  { name, config }: { name: string; config: Pick<Config, "serverName"> },
): Page {
  const redirect = new URL(String(params["redirect_uri"]));
  const shown = client.clientName ?? "An app";
  return {
    title: `Sign in to ${shown}?`,
    formTargets: [targetOf(redirect)],
    body: html`<div class="card">
<h1>Sign in to ${shown}?</h1>
<p>You are <strong>@${name}:${config.serverName}</strong>. The app will be able to read and write your chats, as you, until
you sign it out.</p>
<dl class="facts">
<dt>The app says it is</dt><dd>${shown}, of ${client.clientUri === undefined ? "nobody" : new URL(client.clientUri).host}</dd>
<dt>It gets the answer at</dt><dd><code>${placeOf(redirect)}</code></dd>
</dl>
${links(client)}
<p>If you did not just ask for this in an app of yours, refuse.</p>
${decision(uid)}
</div>`,
  };
}

/** The owner has not let this member into the app. */
export function refusedPage({ uid, params }: Interaction, client: Client, name: string): Page {
  return {
    title: "Not for you",
    status: 403,
    formTargets: [targetOf(new URL(String(params["redirect_uri"])))],
    body: html`<div class="card">
<h1>${client.clientName ?? client.clientId} is not open to you</h1>
<p>You are signed in as <strong>${name}</strong>, and the owner of this server has not let you into this app. Ask them.</p>
<form method="post" action="/oidc/interaction/${uid}">
<button type="submit" name="act" value="refuse">Back to the app</button>
</form>
</div>`,
  };
}

const decision = (uid: string): Markup => html`<form method="post" action="/oidc/interaction/${uid}">
<button type="submit" name="act" value="agree">Sign in</button>
<button type="submit" class="quiet" name="act" value="refuse">Refuse</button>
</form>`;

function links({ policyUri, tosUri }: Client): Markup | "" {
  if (policyUri === undefined && tosUri === undefined) return "";
  return html`<p>${policyUri === undefined ? "" : html`<a href="${policyUri}" rel="noreferrer">Its privacy policy</a> `}
${tosUri === undefined ? "" : html`<a href="${tosUri}" rel="noreferrer">Its terms</a>`}</p>`;
}

/** As a source of the content security policy: a form may lead there at last. */
function targetOf({ protocol, origin }: URL): string {
  return protocol === "https:" || protocol === "http:" ? origin : protocol;
}

function placeOf({ protocol, host }: URL): string {
  return protocol === "https:" ? host : `${protocol}${host === "" ? "" : `//${host}`}`;
}

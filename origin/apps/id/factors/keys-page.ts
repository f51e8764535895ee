import { html } from "hono/html";
import { keyScopes, scopesFor } from "../../../members/keys/key-scopes.ts";
import type { Key, KeyKind } from "../../../members/keys/keys.ts";
import type { Markup, Page } from "../../../pages/layout.ts";
import { confirmedForm } from "./confirmed-form.ts";
import { shownDay } from "./shown-time.ts";

/** How long a key may be good, in days; 0: without end. */
export const lifetimes: Readonly<Record<KeyKind, readonly number[]>> = {
  "app-password": [0, 365, 90, 30],
  "api-key": [90, 30, 180, 365],
};

/** What was typed into one of the two forms, and what is wrong with it. */
export interface KeyProblem {
  readonly kind: KeyKind;
  readonly message: string;
}

/** A member's app passwords and API keys, and the forms that make them. */
export function keysPage(shown: {
  readonly keys: readonly Key[];
  readonly role: "owner" | "member";
  readonly now: number;
  readonly done?: string | undefined;
  readonly problem?: KeyProblem;
}): Page {
  const { role, now, problem } = shown;
  const good = shown.keys.filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now),
  );
  const of = (kind: KeyKind) => good.filter((key) => key.kind === kind);
  return {
    title: problem ? "Error: Keys for programs" : "Keys for programs",
    body: html`<div class="card">
<h1>Keys for programs</h1>
${shown.done === undefined ? "" : html`<p class="done" role="status">${shown.done}</p>`}
<p>A program never needs your password. What you give it here opens only what you choose, and can be taken back. No key
can make another one, or change how you sign in.</p>
<h2 id="app-passwords">App passwords</h2>
<p>For programs that ask for a name and a password, such as mail programs and file sync. One for each: then you can end
one alone.</p>
${keyRows(of("app-password"))}
${keyForm("app-password", role, problem)}
<h2 id="api-keys">API keys</h2>
<p>For scripts and services, which send them as <code>Authorization: Bearer</code>. They always end some day.</p>
${keyRows(of("api-key"))}
${keyForm("api-key", role, problem)}
<p class="onward"><a href="/factors">How you sign in</a></p>
</div>`,
  };
}

function keyRows(keys: readonly Key[]): Markup | "" {
  return keys.length === 0 ? "" : html`<ul class="rows">${keys.map(keyRow)}</ul>`;
}

function keyRow({ id, name, scopes, createdAt, expiresAt, lastUsedAt, lastUsedAddress }: Key): Markup {
  const used =
    lastUsedAt === null ? "not used yet" : html`last used ${shownDay(lastUsedAt)} from ${lastUsedAddress}`;
  return html`<li>
<p><strong>${name}</strong></p>
<p class="hint">Opens ${scopes.map((scope) => keyScopes[scope].opens).join("; ")}. Made ${shownDay(createdAt)}, ${used};
${expiresAt === null ? "does not end by itself" : html`ends ${shownDay(expiresAt)}`}.</p>
${confirmedForm({
  action: `/keys/${id}/revoke`,
  verb: "Revoke",
  what: name,
  consequence: "Whatever uses it is refused from the next request on.",
})}
</li>`;
}

function keyForm(kind: KeyKind, role: "owner" | "member", problem: KeyProblem | undefined): Markup {
  const app = kind === "app-password";
  const wrong = problem?.kind === kind ? problem : undefined;
  return html`<details${wrong ? html` open` : ""}>
<summary>${app ? "Make an app password" : "Make an API key"}</summary>
<form method="post" action="/keys/${kind}">
${wrong ? html`<div class="alert" role="alert">${wrong.message}</div>` : ""}
<div class="field">
<label for="${kind}-name">What it is for</label>
<input id="${kind}-name" name="name" required maxlength="100" autocomplete="off" aria-describedby="${kind}-hint">
<p class="hint" id="${kind}-hint">Such as “${app ? "Mail on my phone" : "Backup script"}”.</p>
</div>
<fieldset>
<legend>What it may open</legend>
${scopesFor(role, kind).map(
  (scope) => html`<label class="choice"><input type="checkbox" name="scope" value="${scope}">
<span>${keyScopes[scope].opens} <code>${scope}</code></span></label>`,
)}
</fieldset>
<div class="field">
<label for="${kind}-days">How long it is good</label>
<select id="${kind}-days" name="days">
${lifetimes[kind].map((days) => html`<option value="${days}">${days === 0 ? "Until I revoke it" : `${days} days`}</option>`)}
</select>
</div>
<button type="submit">${app ? "Make the app password" : "Make the API key"}</button>
</form>
</details>`;
}

/** The one time that a secret is shown. */
export function newKeyPage(shown: {
  readonly key: Key & { readonly secret: string };
  readonly memberName: string;
  readonly serverName: string;
  readonly script: string;
}): Page {
  const { key, memberName, serverName } = shown;
  const app = key.kind === "app-password";
  return {
    title: app ? "Your app password" : "Your API key",
    scripts: [shown.script],
    body: html`<div class="card">
<h1>${app ? "Your app password" : "Your API key"}</h1>
<p>For <strong>${key.name}</strong>. <strong>It is not shown again</strong>: put it where it is needed now.</p>
<dl class="facts">
${
  app
    ? html`<div><dt>User name</dt><dd><code>${memberName}</code> ${copyButton(memberName, "the user name")}</dd></div>
<div><dt>Or, where an address is wanted</dt><dd><code>${memberName}@${serverName}</code> ${copyButton(`${memberName}@${serverName}`, "the address")}</dd></div>`
    : ""
}
<div><dt>${app ? "Password" : "Key"}</dt><dd><code class="secret">${key.secret}</code> ${copyButton(key.secret, app ? "the password" : "the key")}</dd></div>
</dl>
<p id="copied" class="hint" role="status"></p>
${app ? html`<p class="hint">Large and small letters, dashes and spaces make no difference.</p>` : ""}
<p class="onward"><a href="/keys">Done</a></p>
</div>`,
  };
}

function copyButton(text: string, says: string): Markup {
  return html`<button type="button" class="quiet" data-copy="${text}" data-copy-says="${says}" hidden>Copy<span class="unseen"> ${says}</span></button>`;
}

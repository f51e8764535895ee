import { html } from "hono/html";
import type { Passkey } from "../../../members/factors/passkeys.ts";
import type { FactorsHeld } from "../../../members/factors/second-factors.ts";
import type { Markup, Page } from "../../../pages/layout.ts";
import { confirmedForm } from "./confirmed-form.ts";
import { shownDay } from "./shown-time.ts";

/** How a member signs in beside the password: the page from which each way is added and removed. */
export function factorsPage(shown: {
  readonly held: FactorsHeld;
  readonly passkeys: readonly Passkey[];
  readonly totpSince: number | undefined;
  readonly script: string;
  /** What was just done. */
  readonly done?: string | undefined;
}): Page {
  const { held } = shown;
  return {
    title: "How you sign in",
    scripts: [shown.script],
    body: html`<div class="card">
<h1>How you sign in</h1>
${shown.done === undefined ? "" : html`<p class="done" role="status">${shown.done}</p>`}
<p>${
      held.required
        ? "Your password alone signs nobody in here: one of the ways below is asked for as well."
        : "So far your password alone signs you in here. A passkey is safer, and quicker."
    }</p>
${passkeysSection(shown.passkeys)}
${totpSection(shown.totpSince)}
${held.required ? recoverySection(held.recoveryCodes) : ""}
<h2>Keys for programs</h2>
<p>Mail programs, file sync and scripts get <a href="/keys">app passwords and API keys</a> of their own.</p>
</div>`,
  };
}

function passkeysSection(passkeys: readonly Passkey[]): Markup {
  return html`<h2 id="passkeys">Passkeys</h2>
<p>A passkey is kept by your phone, your computer or a password manager, and opened with finger, face or PIN. It signs
you in without name and password, and no false page can ask it out of you.</p>
${passkeys.length === 0 ? "" : html`<ul class="rows">${passkeys.map(passkeyRow)}</ul>`}
<form method="post" action="/factors/passkeys" data-ceremony="create" data-options="/factors/passkeys/options" hidden>
<div class="alert" role="alert" hidden></div>
<div class="field">
<label for="passkey-name">Name of the new passkey</label>
<input id="passkey-name" name="name" maxlength="100" autocomplete="off" aria-describedby="passkey-hint">
<p class="hint" id="passkey-hint">Where it is kept, such as “My phone”.</p>
</div>
<input type="hidden" name="answer">
<button type="button">Add a passkey</button>
</form>
<noscript><p class="hint">Adding a passkey needs JavaScript.</p></noscript>`;
}

function passkeyRow({ id, name, synced, backedUp, createdAt, lastUsedAt }: Passkey): Markup {
  const kept = synced
    ? backedUp
      ? "Kept in your account there"
      : "Not backed up yet"
    : "On this one device only";
  return html`<li>
<p><strong>${name}</strong></p>
<p class="hint">${kept}. Added ${shownDay(createdAt)}, ${
    lastUsedAt === null ? "not used yet" : html`last used ${shownDay(lastUsedAt)}`
  }.</p>
<div class="actions">
<details>
<summary>Rename<span class="unseen"> ${name}</span></summary>
<form method="post" action="/factors/passkeys/${id}/name">
<div class="field">
<label for="name-${id}">New name</label>
<input id="name-${id}" name="name" value="${name}" required maxlength="100" autocomplete="off">
</div>
<button type="submit">Rename</button>
</form>
</details>
${confirmedForm({
  action: `/factors/passkeys/${id}/remove`,
  verb: "Remove",
  what: name,
  consequence: "It signs nobody in any more. Delete it where it is kept, too.",
})}
</div>
</li>`;
}

function totpSection(since: number | undefined): Markup {
  return html`<h2 id="authenticator">Authenticator app</h2>
<p>An app shows six digits that change every 30 seconds. They are asked for after the password, where no passkey is at
hand.</p>
${
  since === undefined
    ? html`<form method="post" action="/factors/authenticator"><button type="submit">Set up an app</button></form>`
    : html`<p>Set up ${shownDay(since)}.</p>
<div class="actions">
<form method="post" action="/factors/authenticator"><button type="submit" class="quiet">Set up another</button></form>
${confirmedForm({
  action: "/factors/authenticator/remove",
  verb: "Remove",
  what: "the authenticator app",
  consequence: "Its digits sign nobody in any more. Recovery codes go with the last way beside the password.",
})}
</div>`
}`;
}

function recoverySection(left: number): Markup {
  return html`<h2 id="recovery">Recovery codes</h2>
<p>${
    left === 0
      ? html`<strong>You have none.</strong> Without them, a lost phone can lock you out until the owner of this server
helps.`
      : `You have ${left} left. Each signs you in once, after the password, when phone and passkeys are lost.`
  }</p>
<form method="post" action="/factors/recovery-codes">
<button type="submit"${left === 0 ? "" : html` class="quiet"`}>${left === 0 ? "Make recovery codes" : "Replace them with new ones"}</button>
</form>`;
}

import { html } from "hono/html";
import type { Config } from "../../config/config.ts";
import type { Markup } from "../../pages/layout.ts";

interface Client {
  readonly name: string;
  readonly where: string;
  readonly link: string;
  /** Before the name and the password, which every client asks for last. */
  readonly steps: readonly string[];
}

const clients: readonly Client[] = [
  {
    name: "Element X",
    where: "Android and iPhone",
    link: "https://element.io/download",
    steps: [
      "Choose “Sign in manually”, then “Change account provider” and “Other”.",
      "Type the homeserver from above and continue.",
    ],
  },
  {
    name: "FluffyChat",
    where: "Android, iPhone and computers",
    link: "https://fluffychat.im",
    steps: ["Choose to sign in.", "Type the homeserver from above in place of the one that is suggested."],
  },
  {
    name: "Element Web",
    where: "browser",
    link: "https://app.element.io/#/login",
    steps: [
      "Choose “Sign in”, then “Edit” beside the homeserver.",
      "Choose “Other homeserver”, type the one from above and continue.",
    ],
  },
  {
    name: "Cinny",
    where: "browser and computers",
    link: "https://app.cinny.in/login",
    steps: ["Replace the homeserver at the top by the one from above."],
  },
];

/** How to sign in, client by client; with the whole user id where the name is known. */
export function signInSteps(config: Config, name?: string): Markup {
  return html`<dl class="facts">
${fact("Homeserver", config.publicUrl)}
${name === undefined ? "" : fact("User ID", `@${name}:${config.serverName}`)}
</dl>
<p class="unseen" id="copied" role="status"></p>
${clients.map(
  (client) => html`<details name="client">
<summary>${client.name} <span class="where">${client.where}</span></summary>
<ol>
<li>Open <a href="${client.link}" rel="noreferrer">${client.name}</a>.</li>
${client.steps.map((step) => html`<li>${step}</li>`)}
<li>Sign in with ${name === undefined ? "your name" : html`the name <strong>${name}</strong>`} and your password.</li>
</ol>
</details>`,
)}`;
}

function fact(label: string, value: string): Markup {
  return html`<div><dt>${label}</dt><dd><code>${value}</code>
<button type="button" class="quiet" data-copy="${value}" hidden>Copy<span class="unseen"> ${label}</span></button></dd></div>`;
}

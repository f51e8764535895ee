import { html } from "hono/html";
import type { Config } from "../../config/config.ts";
import type { Page } from "../../pages/layout.ts";
import { signInSteps } from "./sign-in-steps.ts";

/** The first page; `signIn` is the address of the members' own page. It tells strangers no more than that this is a private server. */
export function welcomePage(config: Config, claimed: boolean, signIn: string): Page {
  return claimed ? claimedPage(config, signIn) : unclaimedPage(config);
}

function unclaimedPage(config: Config): Page {
  return {
    title: "Almost there",
    body: html`<div class="card">
<h1>This server has no owner yet</h1>
<p><strong>${config.serverName}</strong> is running and waits to be claimed.</p>
<ol>
<li>Look at the device that it runs on: Burrow has printed a set-up link there, with a code to scan.</li>
<li>Open that link. It holds for 24 hours; starting Burrow again prints a new one.</li>
<li>Choose your name and a password.</li>
</ol>
<p>Only the code without the link? <a href="/setup">Type it here.</a></p>
</div>`,
  };
}

function claimedPage(config: Config, signIn: string): Page {
  return {
    title: "Welcome",
    body: html`<div class="card">
<h1>A home for conversations among friends</h1>
<p>This is a private server. Chats on it belong to the people in them, and only invited people have an account.</p>
<h2>You have an invite</h2>
<p>Open the link that you were sent, or <a href="/invite">type its code here</a>.</p>
<h2>You have an account</h2>
<p><a href="${signIn}">Sign in to your own page</a>, with your devices, browsers and password.</p>
<p>For the chats, sign in with any Matrix app at this homeserver. Some that work well:</p>
${signInSteps(config)}
</div>`,
  };
}

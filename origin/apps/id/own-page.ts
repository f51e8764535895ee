import { html } from "hono/html";
import { hostNamed } from "../../config/hosts.ts";
import { isAdmitted } from "../../config/proxied-app.ts";
import { originOf } from "../../http/same-origin.ts";
import type { FactorsHeld } from "../../members/factors/second-factors.ts";
import type { Markup } from "../../pages/layout.ts";
import { doneNote } from "./done-note.ts";
import type { IdContext } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";
import { signOutForm } from "./sign-out.ts";

const doneTexts = { password: "Your password is changed. All other browsers are signed out." } as const;

/** The member's own page: who it is, the apps that are open to them, and the way to each part of the account. */
export function mountOwnPage({ config, members, now }: IdContext, routes: MemberRoutes): void {
  routes.page("/", (c, who) => {
    const { memberId, name } = who;
    const browsers = members.webSessions.list(memberId).length;
    const devices = members.devices(memberId).length;
    const keys = members.keys
      .list(memberId)
      .filter(
        ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now()),
      ).length;
    const apps = config.apps
      .filter((app) => isAdmitted(app.who, who))
      .map((app) => way(originOf(c.env.context.client, app.host), app.name, app.host));
    if (config.mail) {
      const host = hostNamed(config.hosts, "mail");
      apps.unshift(way(originOf(c.env.context.client, host), "Mail", `${name}@${config.mail.domain}`));
    }
    return {
      title: "Your account",
      body: html`<div class="card">
<h1>Hello, ${name}</h1>
${doneNote(c, doneTexts)}
${
  members.get(memberId)?.state === "suspended"
    ? html`<p class="alert" role="status">Your account is suspended: you can read your chats, and not write. Ask the owner
of this server.</p>`
    : ""
}
<p>You are <code>@${name}:${config.serverName}</code> to others.</p>
${
  apps.length === 0
    ? ""
    : html`<h2>Apps</h2>
<ul class="ways">${apps}</ul>`
}
<h2>Your account</h2>
<ul class="ways">
${way("/factors", "How you sign in", describeFactors(members.secondFactors(memberId)))}
${way("/password", "Password", "Change it")}
${way("/sessions", "Browsers", `Signed in with ${count(browsers, "browser")}`)}
${way("/devices", "Chat devices", devices === 0 ? "No chat app is signed in" : `Signed in with ${count(devices, "chat app")}`)}
${who.role === "owner" ? way("/security", "Security of this server", "Wrong tries, probes, and what is closed") : ""}
${way("/keys", "Keys for programs", keys === 0 ? "None so far" : count(keys, "key"))}
</ul>
${signOutForm}
</div>`,
    };
  });
}

function way(href: string, title: string, says: string): Markup {
  return html`<li><a href="${href}">${title}</a> <span class="hint">${says}</span></li>`;
}

function describeFactors({ required, passkeys, totp }: FactorsHeld): string {
  if (!required) return "By the password alone: a passkey is safer";
  return [passkeys > 0 ? count(passkeys, "passkey") : "", totp ? "authenticator app" : ""]
    .filter(Boolean)
    .join(", ");
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

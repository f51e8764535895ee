import { html } from "hono/html";
import { originOf } from "../../../http/same-origin.ts";
import type { Markup } from "../../../pages/layout.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { formatId } from "../jmap/ids.ts";
import type { MailContext } from "../mail-context.ts";
import type { IdentityRow } from "../sending/identity-store.ts";
import { callJmap } from "./jmap-client.ts";
import type { MailRoutes } from "./mail-routes.ts";
import { formatSize } from "./reading/message-view.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";
import { wordsPage } from "./words-page.ts";
import { findZone, makeZoneCookie, type Zone } from "./zone.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** As whom one writes, what is answered while one is away, the time zone, and other programs. */
export function mountSettings(webmail: WebmailContext, routes: MailRoutes): void {
  const { mail } = webmail;
  routes.page("/settings", async (c, reader) => {
    await mail.identities.open(reader.account, reader.member.name);
    return settingsPage(mail, reader, webmail.signInUrl(c), originOf(c.env.context.client));
  });

  routes.act("/settings/identity", async (_c, reader, fields) => {
    const change = { name: fields.get("name") ?? "", textSignature: lines(fields.get("signature")) };
    await callJmap(webmail, reader, ["Identity/set", { update: { [fields.get("identity") ?? ""]: change } }]);
    return redirectTo("/settings?said=settings");
  });

  routes.act("/settings/vacation", async (_c, { account, zone }, fields) => {
    const dates = ["from", "to"].map((name) => fields.get(name) ?? "");
    const [from, to] = dates.map((day) => zone.startOf(day));
    if (dates.some((day, index) => day !== "" && (index === 0 ? from : to) === undefined))
      return wordsPage("That was not saved", "A day is written as 2026-05-03.", 422);
    if (from !== undefined && to !== undefined && to < from)
      return wordsPage("That was not saved", "The last day comes before the first.", 422);
    const text = lines(fields.get("text")).slice(0, 100_000);
    await mail.database.write((transaction) =>
      mail.vacations.set(transaction, account, {
        ...mail.vacations.get(account),
        enabled: Number(fields.has("enabled")),
        fromDate: from ?? null,
        // The last day is one of those on which it is answered.
        toDate: to === undefined ? null : to + dayMs,
        subject: (fields.get("subject") ?? "").toWellFormed().slice(0, 255) || null,
        textBody: text || null,
      }),
    );
    return redirectTo("/settings?said=settings");
  });

  routes.act("/settings/zone", (_c, _reader, fields) => {
    const zone = findZone(fields.get("zone") ?? "");
    if (!zone) return wordsPage("That was not saved", "There is no such time zone.", 422);
    return redirectTo("/settings?said=settings", [makeZoneCookie(zone.name)]);
  });
}

const lines = (text: string | null): string => (text ?? "").toWellFormed().replaceAll(/\r\n?/g, "\n");

function settingsPage(mail: MailContext, reader: Reader, signInUrl: string, origin: string): MailPage {
  const { account, zone, address } = reader;
  const used = mail.emails.bytesOf(account);
  return {
    title: "Settings",
    body: html`<div class="sheet"><h1>Settings</h1>
<p>You are <b>${address}</b>. Your mailbox holds ${formatSize(used)} of ${formatSize(mail.config.quota)}.
Password, browsers and signing out are at <a href="${signInUrl}/">your account</a>.</p>
<h2>Name and signature</h2>
${mail.identities.list(account).map(identityForm)}
${vacationForm(mail, account, zone)}
${zoneForm(zone)}
<h2>Another program</h2>
<p>Programs that speak JMAP read the same mailbox. Session address: <code>${origin}/.well-known/jmap</code>; user:
<code>${reader.member.name}</code>; password: an app password with the scope <code>mail</code>, which you make
<a href="${signInUrl}/keys">there, under Keys</a>. IMAP is not spoken here.</p>
</div>`,
  };
}

function identityForm({ id, name, email, textSignature }: IdentityRow): Markup {
  return html`<form method="post" action="/settings/identity">
<input type="hidden" name="identity" value="${formatId("identity", id)}">
<div class="line"><label for="name-${id}">Name with ${email}</label><input id="name-${id}" name="name" value="${name}" maxlength="200" autocomplete="name"></div>
<div class="line"><label for="signature-${id}">Signature</label><textarea id="signature-${id}" name="signature" rows="3">
${textSignature}</textarea></div>
<button>Save</button>
</form>`;
}

function vacationForm({ vacations }: MailContext, account: number, zone: Zone): Markup {
  const { enabled, fromDate, toDate, subject, textBody } = vacations.get(account);
  return html`<h2>While you are away</h2>
<form method="post" action="/settings/vacation">
<label class="choice"><input type="checkbox" name="enabled" value="yes"${enabled === 1 ? html` checked` : ""}> Answer people who write to me</label>
<div class="line"><label for="away-from">First day</label><input id="away-from" name="from" type="date" value="${dayOf(zone, fromDate)}"></div>
<div class="line"><label for="away-to">Last day</label><input id="away-to" name="to" type="date" value="${dayOf(zone, toDate === null ? null : toDate - dayMs)}"></div>
<div class="line"><label for="away-subject">Subject</label><input id="away-subject" name="subject" value="${subject ?? ""}" maxlength="255"></div>
<div class="line"><label for="away-text">Text</label><textarea id="away-text" name="text" rows="4">
${textBody ?? ""}</textarea></div>
<p class="hint">Each of them is answered once in a while, and never a mailing list.</p>
<button>Save</button>
</form>`;
}

function dayOf(zone: Zone, time: number | null): string {
  if (time === null) return "";
  // Swedish dates are written as forms want them.
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone.name, dateStyle: "short" }).format(time);
}

function zoneForm(zone: Zone): Markup {
  return html`<h2>Time zone</h2>
<form method="post" action="/settings/zone">
<p class="hint">Times are shown as in ${zone.name}. With script the page follows your device by itself.</p>
<div class="line"><label for="zone">Zone of this browser</label><select id="zone" name="zone">${[
    "UTC",
    ...Intl.supportedValuesOf("timeZone"),
  ].map((name) => html`<option${name === zone.name ? html` selected` : ""}>${name}</option>`)}</select></div>
<button>Save</button>
</form>`;
}

import { html } from "hono/html";
import { readLabel } from "../../members/labels.ts";
import type { Device } from "../../members/members.ts";
import { networkName } from "../../members/web-sessions/network.ts";
import { ago } from "../../pages/ago.ts";
import type { Markup } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { doneNote } from "./done-note.ts";
import { confirmedForm } from "./factors/confirmed-form.ts";
import type { IdContext } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";
import { renameForm } from "./rename-form.ts";

const path = "/devices";

const doneTexts = {
  renamed: "The device has its new name.",
  ended: "The device is signed out.",
} as const;

/** The chat apps in which a member is signed in. A device's id comes from its client and may hold anything: it travels in the form. */
export function mountDevices({ members, now }: IdContext, routes: MemberRoutes): void {
  routes.page(path, (c, who) => {
    const all = members.devices(who.memberId);
    // A chat app leads here to one of them (Matrix §Account management URL actions).
    const wanted = c.req.query("device_id");
    const devices = wanted === undefined ? all : all.filter(({ deviceId }) => deviceId === wanted);
    return {
      title: "Chat devices",
      body: html`<div class="card">
<h1>Chat devices</h1>
${doneNote(c, doneTexts)}
<p>${
        devices.length === 0
          ? wanted === undefined
            ? "You are signed in with no chat app."
            : "That device is signed out."
          : html`Where you are signed in with a chat app. One that you do not know: sign it out, and <a href="/password">change
your password</a>.`
      }</p>
<ul class="rows">${devices.map((device, place) => row(device, place, now()))}</ul>
${wanted === undefined ? "" : html`<p class="onward"><a href="${path}">All chat devices</a></p>`}
<p class="onward"><a href="/">Your account</a></p>
</div>`,
    };
  });
  routes.act(`${path}/name`, async (_c, { memberId }, fields) => {
    const name = readLabel(fields.get("name") ?? "", "");
    await members.renameDevice(memberId, fields.get("device") ?? "", name === "" ? null : name);
    return redirectTo(`${path}?done=renamed`);
  });
  routes.act(`${path}/end`, async (_c, { memberId }, fields) => {
    await members.endSession(memberId, fields.get("device") ?? "");
    return redirectTo(`${path}?done=ended`);
  });
}

function row(
  { deviceId, displayName, lastSeenAt, lastSeenAddress }: Device,
  place: number,
  now: number,
): Markup {
  const title = displayName ?? deviceId;
  const hidden = html`<input type="hidden" name="device" value="${deviceId}">`;
  return html`<li>
<p><strong>${title}</strong></p>
<p class="hint">${displayName === null ? "" : html`<code>${deviceId}</code>. `}${
    lastSeenAt === null
      ? "Not used yet."
      : html`Last used ${ago(lastSeenAt, now)}${lastSeenAddress === null ? "" : ` from ${networkName(lastSeenAddress)}`}.`
  }</p>
<div class="actions">
${renameForm({ action: `${path}/name`, id: `device-${place}`, name: displayName ?? "", what: title, hidden })}
${confirmedForm({
  action: `${path}/end`,
  verb: "Sign out",
  button: "Sign it out",
  what: title,
  consequence:
    "It reads and writes nothing from now on. Encrypted messages whose keys are only there can then be read nowhere: check that another device or your key backup has them.",
  hidden,
})}
</div>
</li>`;
}

import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../http/request-context.ts";
import { HEARTBEAT_EVERY_MS } from "../../../shared/heartbeat.ts";
import type { AppContext } from "../../app.ts";
import type { GuessOverview } from "../../gate/guess-limits/guess-limits.ts";
import type { Throttle } from "../../gate/guess-limits/list-throttles.ts";
import type { Latched, PanicLatch } from "../../gate/panic/panic-latch.ts";
import { ago } from "../../pages/ago.ts";
import type { Markup, Page } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { doneNote } from "./done-note.ts";
import { confirmedForm } from "./factors/confirmed-form.ts";
import type { IdContext, SignedIn } from "./id-context.ts";
import type { MemberRoutes } from "./member-routes.ts";
import { probesPart } from "./probes-part.ts";

/** What the owner is shown of the gate. */
export interface SecurityParts {
  readonly panic: Pick<PanicLatch, "clear" | "latched">;
  readonly throttles: GuessOverview;
  /** Unix ms; undefined: the edge has never taken one. */
  readonly lastSignOfLife: () => number | undefined;
}

type SecurityContext = Pick<IdContext, "now"> & Pick<AppContext, "honeypot">;

const path = "/security";
const shownAtMost = 50;
const doneTexts = { forgotten: "Forgotten: there is no wait any more." } as const;

/** For the owner alone: who is kept waiting, what is closed, what scanners have asked, whether the edge hears of this device. */
export function mountSecurity(id: SecurityContext, routes: MemberRoutes, parts: SecurityParts): void {
  const forOwner =
    <More extends unknown[]>(answer: (c: Context<HttpEnv>, ...more: More) => Page | Response) =>
    (c: Context<HttpEnv>, who: SignedIn, ...more: More): Page | Response =>
      who.role === "owner" ? answer(c, ...more) : notYours;

  routes.page(
    path,
    forOwner((c) => ({
      title: "Security of this server",
      body: html`<div class="card">
<h1>Security of this server</h1>
${doneNote(c, doneTexts)}
<h2>What is closed</h2>
${panicPart(parts.panic.latched(), id.now())}
<h2>Wrong tries</h2>
${throttlesPart(parts.throttles.list(), id.now())}
<h2>Probes by scanners</h2>
${probesPart(id.honeypot, { now: id.now(), before: c.req.query("before"), path })}
<h2>The edge</h2>
${heartbeatPart(parts.lastSignOfLife(), id.now())}
<p class="onward"><a href="/">Your account</a></p>
</div>`,
    })),
  );

  routes.act(
    `${path}/forget`,
    forOwner((_c, fields: URLSearchParams) => {
      const what = fields.get("what") ?? "";
      if (what !== "") parts.throttles.forget(what);
      return redirectTo(`${path}?done=forgotten`);
    }),
  );
}

const notYours: Page = {
  ...plainPage("Not for you", "This page is for the owner of this server."),
  status: 403,
};

/** While everything is closed nobody gets here: what is left is the sign-ins. */
function panicPart({ level, since }: Latched, now: number): Markup {
  if (level === "none") {
    return html`<p>Nothing. To close the server, on the device: <code>burrow panic soft</code> (everything to everybody),
<code>burrow panic logins</code> (new sign-ins), <code>burrow panic revoke-all</code> (ends every session, once).</p>`;
  }
  return html`<p class="alert" role="status">New sign-ins are closed, since ${ago(since, now)}.</p>
<p><a href="/panic">Open them again</a> with a passkey of yours, or on the device: <code>burrow panic clear</code>.</p>`;
}

function throttlesPart(all: readonly Throttle[], now: number): Markup {
  if (all.length === 0) return html`<p>Nobody has tried anything wrong lately.</p>`;
  return html`<p>Who has tried wrong passwords and codes. Whoever tries more waits longer; nobody is locked out.</p>
<ul class="rows">${all.slice(0, shownAtMost).map((throttle) => row(throttle, now))}</ul>
${all.length > shownAtMost ? html`<p class="hint">And ${all.length - shownAtMost} more: <code>burrow throttle list</code> has them all.</p>` : ""}
${confirmedForm({
  action: `${path}/forget`,
  verb: "Forget all of them",
  what: "wrong tries",
  button: "Forget all of them",
  consequence: "Everybody may try again at once, whoever is guessing too.",
  hidden: html`<input type="hidden" name="what" value="*">`,
})}`;
}

function row({ key, wrongTries, lastAt, waitMs, attacked }: Throttle, now: number): Markup {
  const account = "account" in key ? key.account : undefined;
  const network = "network" in key ? key.network : undefined;
  const what = account ?? network ?? "";
  const tries = `${wrongTries} wrong ${wrongTries === 1 ? "try" : "tries"} (${key.kind})`;
  const wait = waitMs > 0 ? ` Waits ${Math.ceil(waitMs / 1000)} s more.` : "";
  return html`<li>
<p><strong><bdi>${what}</bdi></strong>${attacked ? html` <span class="mark">attacked</span>` : ""}</p>
<p class="hint">${whose(key.role, network)}: ${tries}, the last ${ago(lastAt, now)}.${wait}${attacked ? " Each stranger waits for a turn." : ""}</p>
${confirmedForm({
  action: `${path}/forget`,
  verb: "Forget",
  what,
  consequence: "There is no wait any more, for whoever is guessing neither.",
  hidden: html`<input type="hidden" name="what" value="${what}">`,
})}
</li>`;
}

function whose(role: Throttle["key"]["role"], network: string | undefined): string {
  if (role === "source") return "From this network";
  if (role === "account") return "At this account, by strangers";
  return role === "device"
    ? "At this account, by a browser that it knows"
    : `At this account, from ${network}, which it knows`;
}

function heartbeatPart(at: number | undefined, now: number): Markup {
  if (at === undefined)
    return html`<p>The edge has never heard of this device by itself, so it cannot tell you when the device falls silent.
<code>burrow doctor</code> says what mends it.</p>`;
  if (now - at <= 3 * HEARTBEAT_EVERY_MS) return html`<p>It has heard of this device ${ago(at, now)}.</p>`;
  return html`<p class="alert" role="status">It has not heard of this device since ${ago(at, now)}. <code>burrow doctor</code> says
what mends it.</p>`;
}

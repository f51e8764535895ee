import { Hono } from "hono";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import type { App, AppContext } from "../../app.ts";
import { nextPath } from "../../gate/next-path.ts";
import type { HandOffs } from "../../gate/web-sessions/hand-offs.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createAssets } from "../../pages/assets.ts";
import { createPages } from "../../pages/pages.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { mountConfirm, requireFresh } from "./confirm.ts";
import { mountEndPanic } from "./end-panic.ts";
import { mountFactors } from "./factors/mount-factors.ts";
import { mountKeys } from "./factors/mount-keys.ts";
import { mountSecondStep } from "./factors/mount-second-step.ts";
import { finishSignIn } from "./finish-sign-in.ts";
import { formTargets } from "./form-targets.ts";
import { mountDevices } from "./devices-page.ts";
import { mountHandOff } from "./hand-off.ts";
import type { IdContext } from "./id-context.ts";
import { memberRoutes } from "./member-routes.ts";
import { mountOwnPage } from "./own-page.ts";
import { mountPassword } from "./password-page.ts";
import { createPendingSignIns, type PendingSignIns } from "./pending-sign-ins.ts";
import { mountSecurity, type SecurityParts } from "./security-page.ts";
import { mountSessions } from "./sessions-page.ts";
import { mountSignIn } from "./sign-in.ts";
import { mountSignOut } from "./sign-out.ts";

/** The sign-in host, `id.<server name>`: members sign in once, for all app hosts, and look after their account. */
export function createIdApp(
  context: AppContext,
  parts: { readonly handOffs: HandOffs } & SecurityParts,
): App {
  const routes = new Hono<HttpEnv>();
  const pages = createPages(context.config.serverName);
  const assets = createAssets(new URL("./assets/", import.meta.url), "id");
  const scripts = { passkey: assets.url("passkey.js"), shownOnce: assets.url("shown-once.js") };
  const { handOffs, panic } = parts;
  const id: IdContext = { ...context, handOffs, routes, layout: pages.layout };
  const pending = createPendingSignIns(id.now);
  const forMembers = memberRoutes(id);

  mountSignIn(id, pending, scripts.passkey);
  mountLaterSteps(id, pending, scripts.passkey);
  mountEndPanic(id, panic, scripts.passkey);
  mountSignOut(id);
  mountHandOff(id);
  mountOwnPage(id, forMembers);
  mountPassword(id, forMembers);
  mountSessions(id, forMembers);
  mountDevices(id, forMembers);
  mountSecurity({ ...id, honeypot: context.honeypot }, forMembers, parts);
  mountConfirm(id, forMembers, scripts.passkey);
  const factors = {
    context,
    layout: id.layout,
    scripts,
    requireFresh: requireFresh.bind(undefined, id),
  };
  mountFactors(routes, factors);
  mountKeys(routes, factors);
  pages.mount(routes);
  assets.mount(routes);

  return { name: "id", host: "id", routes, backup: { databases: [], blobs: [] } };
}

/** The second step, and the passkey that is both in one. */
function mountLaterSteps(id: IdContext, pending: PendingSignIns, script: string): void {
  mountSecondStep(id.routes, {
    context: id,
    layout: (c, page) =>
      id.layout(c, { ...page, formTargets: formTargets(c, id.config.hosts, pending.find(c)?.next ?? "/") }),
    script,
    pending: (c) => {
      const found = pending.find(c);
      return found && id.members.get(found.memberId);
    },
    complete: (c, member, next) => finishSignIn(id, c, member, nextPath(next)),
    completePending: async (c, member) => {
      const taken = pending.take(c);
      return taken?.memberId === member.id ? finishSignIn(id, c, member, taken.next) : redirectTo("/sign-in");
    },
    deviceCookie: (c) => readDeviceCookie(c.req.header("cookie")),
  });
}

import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../http/request-context.ts";
import { FormRefusal, readForm } from "../../pages/form-post.ts";
import type { Page } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { consentPage, ownAppPage, refusedPage } from "./consent-page.ts";
import type { OidcContext } from "./oidc-context.ts";
import { refusedReason } from "./policy.ts";
import type { OngoingInteraction, ServedProvider } from "./serve-provider.ts";
import { signUp, signUpPage } from "./sign-up.ts";

/**
 * Between a client's request and its answer a person may have to sign up, sign in and agree. The provider sends the
 * browser here for each, and goes on where it is sent back.
 */
export function createInteractions(oidc: OidcContext, served: ServedProvider) {
  const { gate, pages, subjects, members, ownClients } = oidc;

  async function show(c: Context<HttpEnv>): Promise<Response> {
    const ongoing = await served.interaction(c);
    if (!ongoing) return await pages.layout(c, tooOldPage());
    const { details } = ongoing;
    switch (details.prompt.name) {
      case "create":
        return await pages.layout(c, signUpPage(oidc, details.uid));
      case "login":
        return await signIn(c, ongoing);
      default:
        return await askConsent(c, ongoing);
    }
  }

  /** Ours is the sign-in: the provider is only told who it is. */
  async function signIn(c: Context<HttpEnv>, { details, finish }: OngoingInteraction): Promise<Response> {
    const identity = await gate.identify(c.env.context, c.req.raw);
    const { reasons } = details.prompt;
    const mustBeNew = reasons.includes("login_prompt") || reasons.includes("max_age");
    const signedInAt = identity?.authenticatedAt ?? 0;
    if (!identity || (mustBeNew && signedInAt < details.iat * 1000)) {
      const next = encodeURIComponent(`/oidc/interaction/${details.uid}`);
      return c.redirect(`/sign-in?next=${next}${identity ? "&again=yes" : ""}`, 303);
    }
    const accountId = await subjects.of(identity.memberId);
    const to = await finish({ login: { accountId, ts: Math.floor(signedInAt / 1000) } });
    return await pages.layout(c, onwardPage(to));
  }

  async function askConsent(c: Context<HttpEnv>, ongoing: OngoingInteraction): Promise<Response> {
    const { details, finish } = ongoing;
    const asked = await whoIsAsked(c, ongoing);
    if (!asked) return await pages.layout(c, tooOldPage());
    const { member, client } = asked;
    if (details.prompt.reasons.includes(refusedReason)) {
      return await pages.layout(c, refusedPage(details, client, member.name));
    }
    // It was asked and confirmed with the device's code.
    if (details.deviceCode !== undefined) return c.redirect(await finish(await grant(ongoing)), 303);
    if (ownClients.has(client.clientId))
      return await pages.layout(c, ownAppPage(details, client, member.name));
    return await pages.layout(c, consentPage(details, client, { name: member.name, config: oidc.config }));
  }

  async function whoIsAsked(c: Context<HttpEnv>, { details, provider }: OngoingInteraction) {
    const identity = await gate.identify(c.env.context, c.req.raw);
    const memberId = subjects.memberOf(details.session?.accountId ?? "");
    const member = memberId === undefined ? undefined : members.get(memberId);
    const client = await provider.Client.find(String(details.params["client_id"]));
    return member && client && identity?.memberId === member.id ? { member, client } : undefined;
  }

  async function grant({ provider, details }: OngoingInteraction) {
    const { missingOIDCScope, missingResourceScopes } = details.prompt.details as {
      missingOIDCScope?: string[];
      missingResourceScopes?: Record<string, string[]>;
    };
    const known = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
    const given =
      known ??
      new provider.Grant({
        accountId: details.session?.accountId ?? "",
        clientId: String(details.params["client_id"]),
      });
    if (missingOIDCScope) given.addOIDCScope(missingOIDCScope.join(" "));
    for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
      given.addResourceScope(resource, scopes.join(" "));
    }
    return { consent: { grantId: await given.save() } };
  }

  async function decide(c: Context<HttpEnv>): Promise<Response> {
    let fields: URLSearchParams;
    try {
      fields = await readForm(c);
    } catch (error) {
      if (!(error instanceof FormRefusal)) throw error;
      return await pages.layout(c, {
        ...plainPage("This form was not accepted", error.message),
        status: error.status,
      });
    }
    const ongoing = await served.interaction(c);
    if (!ongoing) return await pages.layout(c, tooOldPage());
    const { details, finish } = ongoing;
    const act = fields.get("act");
    if (act === "refuse") {
      const result = { error: "access_denied", error_description: "the member has refused" };
      return c.redirect(await finish(result), 303);
    }
    if (details.prompt.name === "create") {
      if (act === "have-account") return c.redirect(await finish({ create: {} }), 303);
      return await signUp(c, oidc, details.uid, fields, async () =>
        c.redirect(await finish({ create: {} }), 303),
      );
    }
    const isRefused = details.prompt.reasons.includes(refusedReason);
    if (
      details.prompt.name === "consent" &&
      act === "agree" &&
      !isRefused &&
      (await whoIsAsked(c, ongoing))
    ) {
      return c.redirect(await finish(await grant(ongoing)), 303);
    }
    return await pages.layout(c, tooOldPage());
  }

  return { show, decide };
}

export const tooOldPage = (): Page => ({
  ...plainPage(
    "Start again",
    "This sign-in is too old, was finished in another window, or was begun as somebody else. Go back to the app and sign in from there.",
  ),
  status: 400,
});

/**
 * The sign-in form led here by a redirect, and browsers let a form lead to no other host (form-action), whatever is in
 * between. A page of its own is a new beginning.
 */
const onwardPage = (to: string): Page => ({
  title: "Going on",
  headers: { refresh: `0; url=${to}` },
  body: html`<div class="card"><h1>Going on</h1><p>You are signed in. <a href="${to}">Go on to the app</a></p></div>`,
});

import type { Context } from "hono";
import { html } from "hono/html";
import type { HttpEnv } from "../../http/request-context.ts";
import { beginSession } from "../../gate/web-sessions/begin-session.ts";
import { answerForm } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { consentPage, ownAppPage, refusedPage } from "./consent-page.ts";
import type { OidcContext } from "./oidc-context.ts";
import { refusedReason } from "./policy.ts";
import type { OngoingInteraction, ServedProvider } from "./serve-provider.ts";
import { signUp, signUpPage } from "./sign-up.ts";
import { whoIsHere } from "./who-is-here.ts";

/**
 * Between a client's request and its answer a person may have to sign up, sign in and agree. The provider sends the
 * browser here for each, and goes on where it is sent back.
 */
export function createInteractions(oidc: OidcContext, served: ServedProvider) {
  const { pages, subjects, members, ownClients } = oidc;

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
    const identity = await whoIsHere(oidc, c);
    const { reasons } = details.prompt;
    const mustBeNew = reasons.includes("login_prompt") || reasons.includes("max_age");
    const signedInAt = identity?.authenticatedAt ?? 0;
    if (!identity || (mustBeNew && signedInAt < details.iat * 1000)) {
      const next = encodeURIComponent(`/oidc/interaction/${details.uid}`);
      return redirectTo(`${identity ? "/confirm" : "/sign-in"}?next=${next}`);
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
    if (details.deviceCode !== undefined) return redirectTo(await finish(await grant(ongoing)));
    if (ownClients.has(client.clientId))
      return await pages.layout(c, ownAppPage(details, client, member.name));
    return await pages.layout(c, consentPage(details, client, { name: member.name, config: oidc.config }));
  }

  async function whoIsAsked(c: Context<HttpEnv>, { details, provider }: OngoingInteraction) {
    const identity = await whoIsHere(oidc, c);
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

  /** The answer to a form of this app's pages. */
  async function decide(c: Context<HttpEnv>, fields: URLSearchParams): Promise<Page | Response> {
    const ongoing = await served.interaction(c);
    if (!ongoing) return tooOldPage();
    const { details, finish } = ongoing;
    const act = fields.get("act");
    if (act === "refuse") {
      const result = { error: "access_denied", error_description: "the member has refused" };
      return redirectTo(await finish(result));
    }
    if (details.prompt.name === "create") return await takeSignUp(c, ongoing, fields);
    const isRefused = details.prompt.reasons.includes(refusedReason);
    if (
      details.prompt.name === "consent" &&
      act === "agree" &&
      !isRefused &&
      (await whoIsAsked(c, ongoing))
    ) {
      return redirectTo(await finish(await grant(ongoing)));
    }
    return tooOldPage();
  }

  /** Whoever has made an account is signed in with it, and goes on as if there had always been one. */
  async function takeSignUp(
    c: Context<HttpEnv>,
    { details, finish }: OngoingInteraction,
    fields: URLSearchParams,
  ): Promise<Page | Response> {
    if (fields.get("act") === "have-account") return redirectTo(await finish({ create: {} }));
    const made = await signUp(c, oidc, details.uid, fields);
    if (!("member" in made)) return made;
    const accountId = await subjects.of(made.member.id);
    const cookies = await beginSession(oidc, c.env.context, c.req.raw.headers, made.member);
    return redirectTo(await finish({ create: {}, login: { accountId } }), cookies);
  }

  return {
    show,
    decide: (c: Context<HttpEnv>) => answerForm(c, pages.layout, (fields) => decide(c, fields)),
  };
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

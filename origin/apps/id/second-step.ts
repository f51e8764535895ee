import type { Context } from "hono";
import { html } from "hono/html";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import { createShortLivedSecrets } from "../../gate/short-lived-secrets.ts";
import { cookieNames, makeCookie, readCookie } from "../../gate/web-sessions/cookies.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Member } from "../../members/members.ts";
import { answerForm, refuseOtherMethods } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { finishSignIn } from "./finish-sign-in.ts";
import { formTargets } from "./form-targets.ts";
import type { IdContext } from "./id-context.ts";

/** Somebody who has given the right password and is not signed in yet. */
export interface PendingSignIn {
  readonly memberId: number;
  readonly next: string;
}

export interface SecondStep {
  /** Answers the right password: on to the second step, with a cookie by which this browser is known there. */
  readonly begin: (member: Member, next: string) => Response;
  /** Who is at the second step in this browser; undefined: nobody, or it took too long. */
  readonly pending: (c: Context<HttpEnv>) => PendingSignIn | undefined;
}

const path = "/sign-in/second-step";
const lifetimeMs = 5 * 60 * 1000;

/**
 * The second step: a code of the authenticator app, or one of the recovery codes. What is between the steps is no
 * session: it is kept in memory for five minutes, opens nothing but this page, and ends with the first good answer.
 */
export function createSecondStep(id: IdContext): SecondStep {
  const { routes, layout, config, members, guesses } = id;
  const waiting = createShortLivedSecrets<PendingSignIn>(id.now);

  const cookieOf = (c: Context<HttpEnv>): string => readCookie(c.req.raw.headers, cookieNames.signIn) ?? "";
  const pending: SecondStep["pending"] = (c) => waiting.find(cookieOf(c));

  routes.get(path, (c) => {
    const found = pending(c);
    return found ? layout(c, codePage(c, found)) : redirectTo("/sign-in");
  });

  routes.post(path, (c) =>
    answerForm(c, layout, async (fields) => {
      const found = pending(c);
      const member = found && members.get(found.memberId);
      if (!found || !member) return redirectTo("/sign-in");
      const code = (fields.get("code") ?? "").trim();
      const deviceCookie = readDeviceCookie(c.req.raw.headers.get("cookie"));
      const attempt = {
        kind: "second-factor",
        account: member.name,
        credential: code,
        deviceCookie,
      } as const;
      const right = await guesses.attempt(c.env.context, attempt, async () =>
        (await isRight(member.id, code)) ? true : undefined,
      );
      if (right === undefined) return codePage(c, found, true);
      // Of two at the same time one gets it.
      if (!waiting.take(cookieOf(c))) return redirectTo("/sign-in");
      return finishSignIn(id, c, member, found.next);
    }),
  );
  refuseOtherMethods(routes, layout, path, "GET, HEAD, POST");

  function isRight(memberId: number, code: string): Promise<boolean> {
    const digits = code.replaceAll(/\s/g, "");
    if (/^\d{6}$/.test(digits)) return members.totp.verify(memberId, digits);
    return members.recoveryCodes.use(memberId, code);
  }

  function codePage(c: Context<HttpEnv>, { memberId, next }: PendingSignIn, isWrong = false): Page {
    const { totp } = members.secondFactors(memberId);
    return {
      title: isWrong ? "Error: One more step" : "One more step",
      status: isWrong ? 403 : 200,
      formTargets: formTargets(c, config.hosts, next),
      body: html`<div class="card">
<h1>One more step</h1>
<p>${totp ? "Type the six digits that your authenticator app shows, or one of your recovery codes." : "Type one of your recovery codes."}</p>
<form method="post" action="${path}">
<div class="alert" role="alert" id="problem"${isWrong ? "" : html` hidden`}>${
        isWrong ? "That code is not right, or was used already. Wait for the next one, or use another." : ""
      }</div>
<div class="field">
<label for="code">Code</label>
<input id="code" name="code" required maxlength="100" autocomplete="one-time-code" autocapitalize="none"
 autocorrect="off" spellcheck="false" autofocus${isWrong ? html` aria-describedby="problem" aria-invalid="true"` : ""}>
</div>
<button type="submit">Sign in</button>
</form>
<p class="aside"><a href="/sign-in">Begin again</a></p>
</div>`,
    };
  }

  return {
    begin(member, next) {
      const secret = waiting.issue({ memberId: member.id, next }, lifetimeMs);
      return redirectTo(path, [makeCookie(cookieNames.signIn, secret, lifetimeMs / 1000)]);
    },
    pending,
  };
}

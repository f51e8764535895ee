import type { Context, Hono } from "hono";
import type { AppContext } from "../../../app.ts";
import type { Attempt } from "../../../gate/guess-limits/guess-limits.ts";
import { originOf } from "../../../http/same-origin.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Member } from "../../../members/members.ts";
import { answerForm, refuseOtherMethods } from "../../../pages/answer-form.ts";
import type { Layout } from "../../../pages/layout.ts";
import { plainPage } from "../../../pages/plain-page.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { parseAnswer } from "./mount-factors.ts";
import { secondStepPage, type SecondStepWay } from "./second-step-page.ts";

/** What the sign-in host does before and after a second factor. */
export interface SignInParts {
  readonly context: Pick<AppContext, "members" | "guesses">;
  readonly layout: Layout;
  readonly script: string;
  /** Whose right password this browser has given, and who has yet to show a second factor. */
  readonly pending: (c: Context<HttpEnv>) => Member | undefined;
  /** Signs in whoever is pending in this browser, once, and leads to where they wanted. */
  readonly completePending: (c: Context<HttpEnv>, member: Member) => Promise<Response>;
  /** Signs in whoever has both factors in one; `next` is what a form said, and is judged there. */
  readonly complete: (c: Context<HttpEnv>, member: Member, next: string | null) => Promise<Response>;
  /** The value of the cookie by which the limits know this browser. */
  readonly deviceCookie: (c: Context<HttpEnv>) => string | undefined;
}

const secondStep = "/sign-in/second-step";
const passkeyAlone = "/sign-in/passkey";

/** What a wrong try is told; which part of it was wrong is told to nobody. */
const wrong: Readonly<Record<SecondStepWay, string>> = {
  passkey: "This passkey did not sign you in. Try again, or use another way.",
  code: "These digits are not right, or were used already. Wait for the next ones and try again.",
  recovery: "This recovery code is not right, or was used already.",
};

/** The second step after a password, and signing in with a passkey alone, which is both factors in one. */
export function mountSecondStep(routes: Hono<HttpEnv>, parts: SignInParts): void {
  const { layout } = parts;
  const { members, guesses } = parts.context;

  routes.get(secondStep, async (c) => {
    const member = parts.pending(c);
    if (!member) return redirectTo("/sign-in");
    return layout(c, secondStepPage({ held: members.secondFactors(member.id), script: parts.script }));
  });

  routes.post(`${secondStep}/options`, (c) =>
    answerForm(c, layout, async () => {
      const member = parts.pending(c);
      if (!member) return expired(c);
      return c.json(members.passkeys.beginAuthentication(member.id));
    }),
  );

  routes.post(secondStep, (c) =>
    answerForm(c, layout, async (fields) => {
      const member = parts.pending(c);
      if (!member) return redirectTo("/sign-in");
      const way = wayOf(fields);
      const credential = fields.get(fieldOf[way]) ?? "";
      const attempt: Attempt = {
        kind: way === "passkey" ? "passkey" : "second-factor",
        account: member.name,
        credential,
        deviceCookie: parts.deviceCookie(c),
      };
      const right = await guesses.attempt(c.env.context, attempt, () => check(c, member, way, credential));
      if (right) return parts.completePending(c, member);
      const held = members.secondFactors(member.id);
      const problem = { way, message: wrong[way] };
      return { ...secondStepPage({ held, script: parts.script, problem }), status: 403 };
    }),
  );

  async function check(c: Context<HttpEnv>, { id: memberId }: Member, way: SecondStepWay, given: string) {
    const ways: Record<SecondStepWay, () => Promise<unknown>> = {
      passkey: () =>
        members.passkeys.authenticate({
          answer: parseAnswer(given),
          origin: originOf(c.env.context.client),
          memberId,
        }),
      code: () => members.totp.verify(memberId, given),
      recovery: () => members.recoveryCodes.use(memberId, given),
    };
    return (await ways[way]()) ? true : undefined;
  }

  refuseOtherMethods(routes, layout, secondStep, "GET, HEAD, POST");
  refuseOtherMethods(routes, layout, `${secondStep}/options`, "POST");

  routes.post(`${passkeyAlone}/options`, (c) =>
    answerForm(c, layout, () => Promise.resolve(c.json(members.passkeys.beginAuthentication()))),
  );

  routes.post(passkeyAlone, (c) =>
    answerForm(c, layout, async (fields) => {
      const answer = parseAnswer(fields.get("answer") ?? "");
      const origin = originOf(c.env.context.client);
      const attempt: Attempt = { kind: "passkey", deviceCookie: parts.deviceCookie(c) };
      const member = await guesses.attempt(c.env.context, attempt, () =>
        members.passkeys.authenticate({ answer, origin }),
      );
      if (member) return parts.complete(c, member, fields.get("next"));
      return { ...plainPage("Not signed in", wrong.passkey), status: 403 };
    }),
  );
  routes.get(passkeyAlone, () => redirectTo("/sign-in"));
  refuseOtherMethods(routes, layout, passkeyAlone, "GET, HEAD, POST");
  refuseOtherMethods(routes, layout, `${passkeyAlone}/options`, "POST");
}

const fieldOf: Readonly<Record<SecondStepWay, string>> = {
  passkey: "answer",
  code: "code",
  recovery: "recovery",
};

function wayOf(fields: URLSearchParams): SecondStepWay {
  if (fields.has("answer")) return "passkey";
  return fields.has("recovery") ? "recovery" : "code";
}

function expired(c: Context<HttpEnv>): Response {
  return c.json({ code: "expired", message: "This took too long. Load this page again and sign in." }, 401);
}

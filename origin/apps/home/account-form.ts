import type { Context, Hono } from "hono";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { GuessKind } from "../../../shared/guess-routes.ts";
import type { GuessLimits } from "../../gate/guess-limits/guess-limits.ts";
import { tryToken } from "../../gate/guess-limits/try-token.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { type Member, MembersError, type MembersErrorCode } from "../../members/members.ts";
import { answerForm, busyFor, refuseOtherMethods } from "../../pages/answer-form.ts";
import { statusOf } from "../../pages/form-post.ts";
import type { Layout, Markup, Page } from "../../pages/layout.ts";
import { passwordInput } from "../../pages/password-input.ts";

/** What is typed into the form, as it is shown again after an error: never the password. */
interface Typed {
  readonly token: string;
  readonly name: string;
  readonly password: string;
}

/** A page on which somebody shows a token and makes an account: the set-up and the invite are both this. */
export interface AccountForm {
  readonly path: "/setup" | "/invite";
  readonly title: string;
  readonly intro: Markup;
  readonly tokenLabel: string;
  readonly tokenHint: string;
  readonly submit: string;
  readonly shortestPassword: number;
  readonly serverName: string;
  /** The address of the form's own script. */
  readonly script: string;
  /** What kind of token it takes, and what refuses a wrong one. */
  readonly wrongToken: { readonly kind: GuessKind; readonly refusal: MembersErrorCode };
  readonly guesses: GuessLimits;
  /** A page to show in place of the form, when it is of no use now. */
  readonly instead: () => Page | undefined;
  readonly submitted: (typed: Typed) => Promise<Member>;
  readonly done: (c: Context<HttpEnv>, member: Member) => Page;
}

interface Problem {
  readonly code: MembersErrorCode;
  readonly message: string;
}

/** GET shows the form, POST makes the account: 201 with a page, or the form again with what is wrong. */
export function mountAccountForm(routes: Hono<HttpEnv>, layout: Layout, form: AccountForm): void {
  routes.get(form.path, (c) => layout(c, form.instead() ?? formPage(form, { token: "", name: "" })));
  routes.post(form.path, (c) => answerForm(c, layout, (fields) => makeAccount(c, form, fields)));
  refuseOtherMethods(routes, layout, form.path, "GET, HEAD, POST");
}

async function makeAccount(c: Context<HttpEnv>, form: AccountForm, fields: URLSearchParams): Promise<Page> {
  const field = (name: string): string => fields.get(name) ?? "";
  const typed = { token: field("token").trim(), name: field("name"), password: field("password") };
  try {
    const attempt = { ...form.wrongToken, credential: typed.token };
    const member = await tryToken(form.guesses, c.env.context, attempt, () => form.submitted(typed));
    return { ...form.done(c, member), status: 201 };
  } catch (error) {
    if (!(error instanceof MembersError)) throw error;
    const status = statusOf[error.code];
    const instead = form.instead();
    if (instead) return { ...instead, status };
    return formPage(form, typed, { code: error.code, message: error.message }, status);
  }
}

function formPage(
  form: AccountForm,
  typed: Omit<Typed, "password">,
  problem?: Problem,
  status: ContentfulStatusCode = 200,
): Page {
  const wrong = problem && fieldOf[problem.code];
  const busy = problem?.code === "busy";
  return {
    title: problem ? `Error: ${form.title}` : form.title,
    scripts: [form.script],
    status,
    ...(busy && { headers: busyFor }),
    body: html`<div class="card">
<h1>${form.title}</h1>
${form.intro}
<form method="post" action="${form.path}" data-server="${form.serverName}" data-shortest="${form.shortestPassword}">
<div class="alert" role="alert" id="problem"${problem ? "" : html` hidden`}>${problem?.message ?? ""}</div>
${tokenField(form, typed.token, wrong, problem)}
<div class="field">
<label for="name">Your name here</label>
<input id="name" name="name" value="${typed.name}" required maxlength="100" autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false" ${marks("name", wrong)}>
<p class="hint" id="name-hint">Small letters, digits and . _ - = / + are fine. <span id="name-live"></span></p>
</div>
<div class="field">
<label for="password">Password</label>
${passwordInput(
  "password",
  html`minlength="${form.shortestPassword}" autocomplete="new-password"
 passwordrules="minlength: ${form.shortestPassword}; maxlength: 128;" ${marks("password", wrong)}`,
)}
<p class="hint" id="password-hint">At least ${form.shortestPassword} characters. Four or five unrelated words are
easy to remember; a password manager is easier still. <span id="password-live" aria-live="polite"></span></p>
</div>
<button type="submit">${form.submit}</button>
</form>
</div>`,
  };
}

type FieldName = "token" | "name" | "password";

const fieldOf: Partial<Record<MembersErrorCode, FieldName>> = {
  "setup-invalid": "token",
  "invite-invalid": "token",
  "name-invalid": "name",
  "name-taken": "name",
  "password-weak": "password",
};

/** Shown to be pasted into where no script has moved the token out of the link, and when it was wrong. */
function tokenField(
  form: AccountForm,
  token: string,
  wrong: FieldName | undefined,
  problem?: Problem,
): Markup {
  const known = problem !== undefined && wrong !== "token";
  return html`<div class="field" id="token-field"${known ? html` hidden` : ""}>
<label for="token">${form.tokenLabel}</label>
<input id="token" name="token" value="${token}" required maxlength="100" autocomplete="off"
 autocapitalize="none" autocorrect="off" spellcheck="false" ${marks("token", wrong)}>
<p class="hint" id="token-hint">${form.tokenHint}</p>
</div>`;
}

function marks(field: FieldName, wrong: FieldName | undefined): Markup {
  if (field !== wrong) return html`aria-describedby="${field}-hint"`;
  return html`aria-describedby="problem ${field}-hint" aria-invalid="true" autofocus`;
}

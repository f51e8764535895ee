import type { Context, Hono } from "hono";
import type { AppContext } from "../../../app.ts";
import { requireFullSession } from "../../../gate/full-session.ts";
import type { Identity } from "../../../gate/identity.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Authority } from "../../../members/authority.ts";
import { MembersError } from "../../../members/members.ts";
import { answerForm, refuseOtherMethods } from "../../../pages/answer-form.ts";
import { statusOf } from "../../../pages/form-post.ts";
import type { Layout, Page } from "../../../pages/layout.ts";
import { redirectTo } from "../../../pages/redirect.ts";

/** What the pages of factors and keys are built with. */
export interface FactorParts {
  readonly context: Pick<AppContext, "members" | "guesses" | "config" | "now">;
  readonly layout: Layout;
  /** Addresses of the scripts. */
  readonly scripts: { readonly passkey: string; readonly shownOnce: string };
  /**
   * Whoever has signed in within the last ten minutes, or the Response to send: it asks for password or passkey again
   * and comes back to `next`.
   */
  readonly requireFresh: (c: Context<HttpEnv>, next: string) => Promise<Identity | Response>;
}

/** A form that a freshly signed-in member has sent. */
export interface Act {
  readonly c: Context<HttpEnv>;
  readonly identity: Identity;
  readonly authority: Authority;
  readonly field: (name: string) => string;
  readonly fields: URLSearchParams;
}

interface ActOptions {
  readonly path: string;
  /** Where the member goes on after signing in again. */
  readonly page: string;
  readonly work: (act: Act) => Promise<Page | Response>;
  /** What is answered where the members' domain refuses it; absent: a page that says so and leads back. */
  readonly refused?: (act: Act, message: string) => Page | Response;
}

/** POST: the form of a page of ours (G4), from a member who has signed in freshly with a browser (G5). */
export function mountAct(
  routes: Hono<HttpEnv>,
  { layout, requireFresh }: FactorParts,
  options: ActOptions,
): void {
  const { path, page, work, refused } = options;
  routes.post(path, (c) =>
    answerForm(c, layout, async (fields) => {
      const identity = await requireFresh(c, page);
      if (identity instanceof Response) return identity;
      const field = (name: string): string => fields.get(name) ?? "";
      const act: Act = { c, identity, authority: requireFullSession(identity), field, fields };
      try {
        return await work(act);
      } catch (error) {
        const answer = error instanceof MembersError ? refused?.(act, error.message) : undefined;
        if (!(error instanceof MembersError) || !answer) throw error;
        return answer instanceof Response ? answer : { ...answer, status: statusOf[error.code] };
      }
    }),
  );
  // Whoever opens its address again, after a page that is shown once.
  routes.get(path, () => redirectTo(page));
  refuseOtherMethods(routes, layout, path, "GET, HEAD, POST");
}

/** The number in the path; one that is none finds nothing. */
export const idOf = (c: Context<HttpEnv>): number => {
  const text = c.req.param("id") ?? "";
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
};

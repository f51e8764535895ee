import type { Context, Hono } from "hono";
import type { AppContext } from "../../../app.ts";
import { requireFullSession } from "../../../gate/full-session.ts";
import type { Identity } from "../../../gate/identity.ts";
import { complaintResponse } from "../../../http/errors.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Authority } from "../../../members/authority.ts";
import { MembersError } from "../../../members/members.ts";
import { FormRefusal, readForm, statusOf } from "../../../pages/form-post.ts";
import type { Layout, Page } from "../../../pages/layout.ts";
import { plainPage } from "../../../pages/plain-page.ts";

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
  /** The page on which the act was refused, with what is to be done; absent: one that says so and leads back. */
  readonly refused?: (act: Act, message: string) => Page;
}

/** POST: the form of a page of ours (G4), from a member who has signed in freshly with a browser (G5). */
export function mountAct(routes: Hono<HttpEnv>, parts: FactorParts, options: ActOptions): void {
  routes.post(options.path, async (c) => {
    let act: Act | undefined;
    try {
      const fields = await readForm(c);
      const identity = await parts.requireFresh(c, options.page);
      if (identity instanceof Response) return identity;
      const field = (name: string): string => fields.get(name) ?? "";
      act = { c, identity, authority: requireFullSession(identity), field, fields };
      const answer = await options.work(act);
      return answer instanceof Response ? answer : await parts.layout(c, answer);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal) throw error;
      const { status, message } = refusal;
      if (c.req.header("accept")?.includes("application/json")) {
        const complaint = { status, code: "refused", errcode: "M_FORBIDDEN", title: "Not done", message };
        return complaintResponse(complaint, c.req.path, "application/json");
      }
      const page = act && options.refused ? options.refused(act, message) : plainPage("Not done", message);
      return parts.layout(c, { ...page, status });
    }
  });
}

/** What a person is told, and the status; undefined: a fault of ours. */
export function refusalOf(error: unknown) {
  if (error instanceof FormRefusal) return { status: error.status, message: error.message };
  if (error instanceof MembersError) return { status: statusOf[error.code], message: error.message };
  return undefined;
}

/** The number in the path; one that is none finds nothing. */
export const idOf = (c: Context<HttpEnv>): number => {
  const text = c.req.param("id") ?? "";
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
};

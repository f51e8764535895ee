import type { Context } from "hono";
import type { HttpEnv } from "../../http/request-context.ts";
import { answerForm, refuseOtherMethods } from "../../pages/answer-form.ts";
import type { Page } from "../../pages/layout.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { type IdContext, type SignedIn, whoIsSignedIn } from "./id-context.ts";

type Answer = Page | Response;
type Show = (c: Context<HttpEnv>, who: SignedIn) => Answer | Promise<Answer>;
type Submit = (c: Context<HttpEnv>, who: SignedIn, fields: URLSearchParams) => Answer | Promise<Answer>;

/** Routes of this host that are for whoever is signed in; the others are led to the sign-in page and back. */
export interface MemberRoutes {
  /** A page, and the form on it where it has one that is sent to the same address. */
  readonly page: (path: string, show: Show, submit?: Submit) => void;
  /** A button on a page. */
  readonly act: (path: string, submit: Submit) => void;
}

export function memberRoutes(id: IdContext): MemberRoutes {
  const { routes, layout } = id;

  function signInFirst(path: string): Response {
    return redirectTo(`/sign-in?next=${encodeURIComponent(path)}`);
  }

  function post(path: string, submit: Submit): void {
    routes.post(path, (c) =>
      answerForm(c, layout, async (fields) => {
        const who = await whoIsSignedIn(id, c);
        return who ? submit(c, who, fields) : signInFirst("/");
      }),
    );
  }

  return {
    page(path, show, submit) {
      routes.get(path, async (c) => {
        const who = await whoIsSignedIn(id, c);
        if (!who) return signInFirst(pathOf(c));
        const answer = await show(c, who);
        return answer instanceof Response ? answer : layout(c, answer);
      });
      if (submit) post(path, submit);
      refuseOtherMethods(routes, layout, path, submit ? "GET, HEAD, POST" : "GET, HEAD");
    },
    act(path, submit) {
      post(path, submit);
      refuseOtherMethods(routes, layout, path, "POST");
    },
  };
}

function pathOf(c: Context<HttpEnv>): string {
  const { pathname, search } = new URL(c.req.url);
  return `${pathname}${search}`;
}

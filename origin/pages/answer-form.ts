import type { Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { throttled } from "../../shared/throttled.ts";
import type { HttpEnv } from "../http/request-context.ts";
import { ThrottledError } from "../http/throttled-error.ts";
import { MembersError } from "../members/members.ts";
import { FormRefusal, readForm, statusOf } from "./form-post.ts";
import type { Layout, Page } from "./layout.ts";
import { plainPage } from "./plain-page.ts";

/** A busy server says so; in seconds, for the header. */
export const busyFor = { "retry-after": "5" };

/**
 * Reads a posted form and answers it. What was not read becomes a page that says why, and so does what `work` leaves
 * uncaught: a try that comes too early (429, with when to try again), a refusal of the members' domain.
 */
export async function answerForm(
  c: Context<HttpEnv>,
  layout: Layout,
  work: (fields: URLSearchParams) => Promise<Page | Response>,
): Promise<Response> {
  return answerAct(c, layout, async () => work(await readForm(c)));
}

/** The same for a request that `work` reads by itself. */
export async function answerAct(
  c: Context<HttpEnv>,
  layout: Layout,
  work: () => Promise<Page | Response>,
): Promise<Response> {
  try {
    const answer = await work();
    return answer instanceof Response ? answer : await layout(c, answer);
  } catch (error) {
    const page = describeRefusal(error);
    if (!page) throw error;
    return layout(c, page);
  }
}

function describeRefusal(error: unknown): Page | undefined {
  if (error instanceof FormRefusal) {
    return { ...plainPage("This form was not accepted", error.message), status: error.status };
  }
  if (error instanceof ThrottledError) {
    const { status, title, message } = throttled(error.retryAfterMs);
    const seconds = String(Math.ceil(error.retryAfterMs / 1000));
    return {
      ...plainPage(title, message),
      status: status as ContentfulStatusCode,
      headers: { "retry-after": seconds },
    };
  }
  if (error instanceof MembersError) {
    return {
      ...plainPage("That was not done", error.message),
      status: statusOf[error.code],
      ...(error.code === "busy" && { headers: busyFor }),
    };
  }
  return undefined;
}

/** After the routes of a path: any other method is told which ones there are. */
export function refuseOtherMethods(
  routes: Hono<HttpEnv>,
  layout: Layout,
  path: string,
  allow: "GET, HEAD" | "GET, HEAD, POST" | "POST",
): void {
  routes.all(path, (c) =>
    layout(c, {
      ...plainPage(
        "Not possible here",
        allow === "GET, HEAD"
          ? "This page can only be opened."
          : allow === "POST"
            ? "This is done by a button on a page. Open the page and press it there."
            : "This page can only be opened, and its form sent.",
      ),
      status: 405,
      headers: { allow },
    }),
  );
}

import type { Context } from "hono";
import type { HttpEnv } from "../../../http/request-context.ts";
import { answerAct, refuseOtherMethods } from "../../../pages/answer-form.ts";
import { readForm } from "../../../pages/form-post.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { nextPath } from "../../../gate/next-path.ts";
import { MethodError, SetError } from "../jmap/jmap-error.ts";
import { openUser } from "../jmap/mount-jmap.ts";
import { RefusedError } from "./jmap-client.ts";
import { showPage } from "./mail-layout.ts";
import { wordsPage } from "./words-page.ts";
import type { MailPage, Reader, WebmailContext } from "./webmail-context.ts";
import { zoneOf } from "./zone.ts";

type Answer = MailPage | Response;
type Show = (c: Context<HttpEnv>, reader: Reader) => Answer | Promise<Answer>;
type Submit = (c: Context<HttpEnv>, reader: Reader, fields: URLSearchParams) => Answer | Promise<Answer>;

/** Bytes of a form without files: a text of some hundred pages fits. */
const largestForm = 2_000_000;

/** Routes for whoever is signed in with a browser; others are led to the sign-in host and back, keys refused. */
export interface MailRoutes {
  /** A page, and the form on it where it has one that is sent to the same address. */
  readonly page: (path: string, show: Show, submit?: Submit) => void;
  /** What a form of another page sends. */
  readonly act: (path: string, submit: Submit) => void;
  /** The same, and `submit` reads the body: it has been found to be sent by a page of ours. */
  readonly receive: (path: string, submit: Show) => void;
}

export function mailRoutes(webmail: WebmailContext): MailRoutes {
  const { mail, routes, layout } = webmail;

  async function enter(c: Context<HttpEnv>): Promise<Reader | Response> {
    const identity = await mail.gate.requireSession(c.env.context, c.req.raw);
    if (identity instanceof Response) return identity;
    const member = mail.members.get(identity.memberId);
    if (!member) return c.notFound();
    return { ...(await openUser(mail, member)), zone: zoneOf(c) };
  }

  async function answer(c: Context<HttpEnv>, work: Show): Promise<Response> {
    const reader = await enter(c);
    if (reader instanceof Response) return reader;
    let given: Answer;
    try {
      given = await work(c, reader);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      given = wordsPage("That was not done", error.message, 422);
    }
    return given instanceof Response ? given : await showPage(webmail, c, reader, given);
  }

  const receive = (path: string, submit: Show): void =>
    void routes.post(path, (c) => answerAct(c, layout, () => answer(c, submit)));
  const act = (path: string, submit: Submit): void =>
    receive(path, async (c, reader) => submit(c, reader, await readForm(c, largestForm)));

  return {
    page(path, show, submit) {
      routes.get(path, (c) => answer(c, show));
      if (submit) act(path, submit);
      refuseOtherMethods(routes, layout, path, submit ? "GET, HEAD, POST" : "GET, HEAD");
    },
    act(path, submit) {
      act(path, submit);
      refuseOtherMethods(routes, layout, path, "POST");
    },
    receive(path, submit) {
      receive(path, submit);
      refuseOtherMethods(routes, layout, path, "POST");
    },
  };
}

/** What the rules of the mailbox refuse, in words for people. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof RefusedError || error instanceof SetError || error instanceof MethodError;

/** Back to the page that a form came from, with what is to be said there. */
export function backTo(next: string | null, said: { act?: number; words?: string }): Response {
  const url = new URL(nextPath(next), "https://this.invalid");
  url.searchParams.delete("act");
  url.searchParams.delete("said");
  if (said.act !== undefined) url.searchParams.set("act", String(said.act));
  if (said.words !== undefined) url.searchParams.set("said", said.words);
  return redirectTo(`${url.pathname}${url.search}`);
}

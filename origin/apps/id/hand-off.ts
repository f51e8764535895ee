import { nextPath } from "../../gate/next-path.ts";
import { arrivalPath } from "../../gate/web-sessions/arrive.ts";
import { isNonce } from "../../gate/web-sessions/hand-offs.ts";
import { originOf } from "../../http/same-origin.ts";
import { refuseOtherMethods } from "../../pages/answer-form.ts";
import { plainPage } from "../../pages/plain-page.ts";
import { redirectTo } from "../../pages/redirect.ts";
import { type IdContext, whoIsSignedIn } from "./id-context.ts";

/** What an app host asks for. */
interface Wish {
  readonly host: string;
  readonly state: string;
  readonly next: string;
}

/** Undefined: not what a gate of ours writes. The host is one of ours, and not the sign-in host itself. */
export function parseHandOff(query: URLSearchParams, hosts: ReadonlyMap<string, string>): Wish | undefined {
  const host = query.get("host") ?? "";
  const state = query.get("state") ?? "";
  const app = hosts.get(host);
  if (app === undefined || app === "id" || !isNonce(state)) return undefined;
  return { host, state, next: nextPath(query.get("next")) };
}

/** Hands a signed-in browser over to an app host (G3): with a code that is worth nothing in any other browser. */
export function mountHandOff(id: IdContext): void {
  const { routes, layout, config, members, handOffs } = id;
  const path = "/hand-off";
  routes.get(path, async (c) => {
    const { search, searchParams } = new URL(c.req.url);
    const wish = parseHandOff(searchParams, config.hosts);
    if (!wish) {
      return layout(c, {
        ...plainPage(
          "This link leads nowhere",
          "It is no link of this server. Open the app that you wanted again.",
        ),
        status: 400,
      });
    }
    const who = await whoIsSignedIn(id, c);
    if (!who) return redirectTo(`/sign-in?next=${encodeURIComponent(`${path}${search}`)}`);
    if (members.get(who.memberId)?.state === "suspended") {
      return layout(c, {
        ...plainPage("Your account is suspended", "It opens no apps for now. Ask the owner of this server."),
        status: 403,
      });
    }
    const code = handOffs.issue({ sessionId: who.sessionId, ...wish });
    return new Response(null, {
      status: 303,
      headers: {
        location: `${originOf(c.env.context.client, wish.host)}${arrivalPath}?code=${code}`,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
      },
    });
  });
  refuseOtherMethods(routes, layout, path, "GET, HEAD");
}

import { Hono } from "hono";
import type { Complaint } from "../../shared/answers.ts";
import { complaintResponse, complaints } from "../http/errors.ts";
import type { HttpEnv, RequestContext } from "../http/request-context.ts";
import type { Members } from "../members/members.ts";
import type { WebSession } from "../members/web-sessions/web-session.ts";
import type { Asking, Gate, IdentifyOptions } from "./gate.ts";
import type { GuessLimits } from "./guess-limits/guess-limits.ts";
import type { Identity } from "./identity.ts";
import { createIdentifyByKey } from "./keys/identify-by-key.ts";
import { arrivalPath, createArrival } from "./web-sessions/arrive.ts";
import { beginHandOff, isNavigation } from "./web-sessions/begin-hand-off.ts";
import { createHandOffs, type HandOffs } from "./web-sessions/hand-offs.ts";
import { judgeCookie } from "./web-sessions/judge-cookie.ts";

/** Who asks; or why nobody does. */
type Verdict =
  | { readonly kind: "known"; readonly identity: Identity }
  | { readonly kind: "nobody" | "foreign" | "suspended" };

export interface BuiltGate {
  readonly gate: Gate;
  /** What the gate itself answers on every host but the sign-in host, before any app. */
  readonly routes: Hono<HttpEnv>;
  /** For the sign-in host, which gives the codes out. */
  readonly handOffs: HandOffs;
}

export function createGate(options: {
  readonly members: Members;
  readonly guesses: GuessLimits;
  readonly serverName: string;
  readonly signInHost: string;
  readonly now: () => number;
}): BuiltGate {
  const { members, guesses, signInHost } = options;
  const identifyByKey = createIdentifyByKey(options);
  const handOffs = createHandOffs(options.now);

  /** A header that carries a secret is judged by that alone, also when it is wrong: a cookie never makes up for it (G4). */
  async function judge(context: RequestContext, request: Asking, ways: IdentifyOptions): Promise<Verdict> {
    const authorization = request.headers.get("authorization");
    if (authorization !== null) {
      const identity = await identifyByKey(context, authorization, ways);
      if (!identity) return { kind: "nobody" };
      return identity === "suspended" ? { kind: "suspended" } : { kind: "known", identity };
    }
    const verdict = judgeCookie(members, context, request);
    if (verdict.kind === "nobody" || verdict.kind === "foreign") return verdict;
    if (verdict.kind === "suspended" && ways.suspended !== true) return { kind: "suspended" };
    members.webSessions.touch(verdict.session, context.client.address);
    return { kind: "known", identity: identityOf(verdict.session) };
  }

  async function judgeAndNote(context: RequestContext, request: Asking, ways: IdentifyOptions = {}) {
    const verdict = await judge(context, request, ways);
    if (verdict.kind === "known") context.identity = verdict.identity;
    return verdict;
  }

  const gate: Gate = {
    async identify(context, request, ways) {
      const verdict = await judgeAndNote(context, request, ways);
      return verdict.kind === "known" ? verdict.identity : undefined;
    },
    async requireSession(context, request, ways) {
      const verdict = await judgeAndNote(context, request, ways);
      if (verdict.kind === "known") return verdict.identity;
      if (verdict.kind === "nobody" && isNavigation(request)) {
        return beginHandOff(context, request, signInHost);
      }
      return complaintResponse(refusals[verdict.kind], pathOf(request), request.headers.get("accept"));
    },
  };

  const arrive = createArrival({ members, guesses, handOffs });
  const routes = new Hono<HttpEnv>();
  routes.get(arrivalPath, arrive);
  routes.all("/.burrow/*", (c) =>
    complaintResponse(complaints.notFound, c.req.path, c.req.header("accept") ?? null),
  );
  return { gate, routes, handOffs };
}

const refusals = {
  nobody: complaints.unauthenticated,
  foreign: complaints.foreignOrigin,
  suspended: complaints.suspended,
} as const satisfies Record<Exclude<Verdict["kind"], "known">, Complaint>;

function identityOf({ id, member, authenticatedAt }: WebSession): Identity {
  const { id: memberId, name, role } = member;
  return { memberId, name, role, via: "session", scopes: "all", sessionId: id, authenticatedAt };
}

function pathOf(request: Asking): string {
  return new URL(request.url).pathname;
}

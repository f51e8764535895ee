import type { Context } from "hono";
import { createShortLivedSecrets } from "../../gate/short-lived-secrets.ts";
import { cookieNames, makeCookie, readCookie } from "../../gate/web-sessions/cookies.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Member } from "../../members/members.ts";
import { redirectTo } from "../../pages/redirect.ts";

/** Somebody who has given the right password and is not signed in yet. */
export interface PendingSignIn {
  readonly memberId: number;
  readonly next: string;
}

/**
 * What is between the password and the second step. It is no session: it is kept in memory for five minutes, opens
 * nothing but the page of the second step, and is used up by the first good answer there.
 */
export interface PendingSignIns {
  /** Answers the right password: on to the second step, with a cookie by which this browser is known there. */
  readonly begin: (member: Member, next: string) => Response;
  /** Who is at the second step in this browser; undefined: nobody, or it took too long. */
  readonly find: (c: Context<HttpEnv>) => PendingSignIn | undefined;
  /** As `find`, and of two at the same time one gets it. */
  readonly take: (c: Context<HttpEnv>) => PendingSignIn | undefined;
}

const lifetimeMs = 5 * 60 * 1000;

export function createPendingSignIns(now: () => number): PendingSignIns {
  const waiting = createShortLivedSecrets<PendingSignIn>(now);
  const cookieOf = (c: Context<HttpEnv>): string => readCookie(c.req.raw.headers, cookieNames.signIn) ?? "";
  return {
    begin(member, next) {
      const secret = waiting.issue({ memberId: member.id, next }, lifetimeMs);
      return redirectTo("/sign-in/second-step", [makeCookie(cookieNames.signIn, secret, lifetimeMs / 1000)]);
    },
    find: (c) => waiting.find(cookieOf(c)),
    take: (c) => waiting.take(cookieOf(c)),
  };
}

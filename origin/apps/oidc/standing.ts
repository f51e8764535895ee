import { AsyncLocalStorage } from "node:async_hooks";
import type { Identity } from "../../gate/identity.ts";
import type { Members } from "../../members/members.ts";

/** Whether what was given out in a member's name still holds: the provider's sessions follow ours, never the reverse. */
export interface Standing {
  /** Of whoever sends the request that is being answered, by the session of this host. */
  asking(): Identity | undefined;
  /** Answers a request in somebody's name. */
  answerAs<T>(identity: Identity | undefined, work: () => T): T;
  /** Changes when the member signs out everywhere; undefined: nothing holds, the account is locked or deactivated. */
  epochOf(memberId: number): number | undefined;
  /** Whether the web session has not ended. */
  lives(webSession: number): boolean;
}

export function createStanding(members: Members): Standing {
  const current = new AsyncLocalStorage<Identity | undefined>();
  return {
    asking: () => current.getStore(),
    answerAs: (identity, work) => current.run(identity, work),
    epochOf(memberId) {
      const member = members.get(memberId);
      if (!member || member.state === "deactivated" || member.lockedAt !== null) return undefined;
      return members.webSessions.epochOf(memberId);
    },
    lives: (webSession) => members.webSessions.lives(webSession),
  };
}

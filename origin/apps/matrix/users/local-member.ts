import type { Member, Members } from "../../../members/members.ts";

/** What it takes to tell whether a user id belongs to an account of this server. */
export interface LocalMembers {
  readonly members: Members;
  readonly serverName: string;
}

/**
 * The account behind a user id; undefined for an unknown one and for users of other servers. Only the one spelling of the
 * name counts: an id in another one would be a second person, whom nobody can sign in as.
 */
export function localMember(local: LocalMembers, userId: string): Member | undefined {
  const suffix = `:${local.serverName}`;
  if (!userId.startsWith("@") || !userId.endsWith(suffix)) return undefined;
  const name = userId.slice(1, -suffix.length);
  const member = local.members.find(name);
  return member?.name === name ? member : undefined;
}

/** Not suspended, locked or gone. */
export const maySpeak = ({ state, lockedAt }: Member): boolean => state === "active" && lockedAt === null;

/** As §Account suspension leaves it to a suspended member; a locked one may not even that. */
export const mayRead = ({ state, lockedAt }: Member): boolean => state !== "deactivated" && lockedAt === null;

import { localPartOf } from "../../../../shared/mail-policy.ts";
import type { Member, Members } from "../../../members/members.ts";
import type { AliasStore } from "./alias-store.ts";

/** Whom an address of the house is for. */
export interface Recipient {
  /** At least one, unless nobody owns the server yet. */
  readonly accounts: readonly number[];
  /** `role`: one that every domain has, and `unknown`: both are the owner's. */
  readonly kind: "member" | "alias" | "role" | "unknown";
  /** What stands behind the `+`, if that is not part of the name. */
  readonly tag: string | null;
}

/** Addresses by which strangers reach whoever runs a domain (RFC 2142), and those that machines write to. */
const roles = new Set([
  "postmaster",
  "abuse",
  "security",
  "hostmaster",
  "webmaster",
  "admin",
  "root",
  "noc",
  "mailer-daemon",
]);

export interface Directory {
  readonly members: Pick<Members, "find" | "get" | "list">;
  readonly aliases: Pick<AliasStore, "membersOf">;
  readonly domain: string;
}

/**
 * An alias and a role come before a member, and who has a name before whoever joins later as that name and a `+`: so
 * that nobody who joins takes the mail of others. Whoever is suspended or locked still
 * gets mail and finds it again; the address of a deactivated member is nobody's.
 */
export function resolveRecipient(directory: Directory, address: string): Recipient {
  const local = localPartOf(address, directory.domain);
  if (local === undefined) return { accounts: ownerOf(directory), kind: "unknown", tag: null };
  const plus = local.indexOf("+");
  const whole = find(directory, local);
  const tagged = plus > 0 ? find(directory, local.slice(0, plus)) : undefined;
  if (tagged && !(whole && isYounger(tagged, whole))) return { ...tagged, tag: local.slice(plus + 1) };
  if (whole) return { ...whole, tag: null };
  return { accounts: ownerOf(directory), kind: "unknown", tag: null };
}

function find(directory: Directory, name: string): Found | undefined {
  const { members, aliases } = directory;
  const aliased = aliases.membersOf(name).filter((id) => isThere(members.get(id)));
  if (aliased.length > 0) return { accounts: aliased, kind: "alias" };
  if (roles.has(name)) return { accounts: ownerOf(directory), kind: "role" };
  const member = members.find(name);
  return member && isThere(member) ? { accounts: [member.id], kind: "member" } : undefined;
}

type Found = Omit<Recipient, "tag">;

/** Members are numbered as they come. */
const isYounger = (one: Found, other: Found): boolean =>
  one.kind === "member" && other.kind === "member" && Number(one.accounts[0]) > Number(other.accounts[0]);

const isThere = (member: Member | undefined): boolean =>
  member !== undefined && member.state !== "deactivated";

/** The first of several. */
function ownerOf({ members }: Directory): number[] {
  const owner = members.list().find((member) => member.role === "owner" && isThere(member));
  return owner ? [owner.id] : [];
}

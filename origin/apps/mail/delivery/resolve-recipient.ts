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
 * An alias comes before a member, so that nobody who joins later takes its mail. Whoever is suspended or locked still
 * gets mail and finds it again; the address of a deactivated member is nobody's.
 */
export function resolveRecipient(directory: Directory, address: string): Recipient {
  const local = localPartOf(address, directory.domain);
  if (local === undefined) return { accounts: ownerOf(directory), kind: "unknown", tag: null };
  const plus = local.indexOf("+");
  const whole = find(directory, local);
  if (whole) return { ...whole, tag: null };
  const tagged = plus > 0 ? find(directory, local.slice(0, plus)) : undefined;
  if (tagged) return { ...tagged, tag: local.slice(plus + 1) };
  return { accounts: ownerOf(directory), kind: "unknown", tag: null };
}

function find(directory: Directory, name: string): Omit<Recipient, "tag"> | undefined {
  const { members, aliases } = directory;
  const aliased = aliases.membersOf(name).filter((id) => isThere(members.get(id)));
  if (aliased.length > 0) return { accounts: aliased, kind: "alias" };
  const member = members.find(name);
  if (member && isThere(member)) return { accounts: [member.id], kind: "member" };
  return roles.has(name) ? { accounts: ownerOf(directory), kind: "role" } : undefined;
}

const isThere = (member: Member | undefined): boolean =>
  member !== undefined && member.state !== "deactivated";

/** The first of several. */
function ownerOf({ members }: Directory): number[] {
  const owner = members.list().find((member) => member.role === "owner" && isThere(member));
  return owner ? [owner.id] : [];
}

/** Lower case, without quotes; undefined: no address of this domain. */
export function localPartOf(address: string, domain: string): string | undefined {
  const at = address.lastIndexOf("@");
  if (at < 1 || address.slice(at + 1).toLowerCase() !== domain) return undefined;
  return address
    .slice(0, at)
    .replace(/^"(.*)"$/, "$1")
    .normalize("NFKC")
    .toLowerCase();
}

import type { Members } from "../../../members/members.ts";

/** Which addresses are whose. */
export interface Addresses {
  /** All of a member's, the first one `NAME@domain`. */
  of(account: number): string[];
  /** The account of an address of this domain, without regard to case and to what stands behind a `+`. */
  find(address: string): number | undefined;
}

export function createAddresses(members: Pick<Members, "find" | "get">, domain: string): Addresses {
  function findLocal(local: string): number | undefined {
    const member = members.find(local);
    return member && member.state !== "deactivated" ? member.id : undefined;
  }

  return {
    of(account) {
      const name = members.get(account)?.name;
      return name === undefined ? [] : [`${name}@${domain}`];
    },
    find(address) {
      const at = address.lastIndexOf("@");
      if (at < 1 || address.slice(at + 1).toLowerCase() !== domain) return undefined;
      const local = address.slice(0, at).toLowerCase();
      const plus = local.indexOf("+");
      return findLocal(local) ?? (plus > 0 ? findLocal(local.slice(0, plus)) : undefined);
    },
  };
}

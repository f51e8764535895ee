import type { Members } from "../../../members/members.ts";
import type { AliasStore } from "../delivery/alias-store.ts";
import { type Recipient, resolveRecipient } from "../delivery/resolve-recipient.ts";

/** Which addresses are whose. */
export interface Addresses {
  /** All that a member may write as, the first one `NAME@domain`: aliases that others have too are not among them. */
  of(account: number): string[];
  /** The account whose alone an address of this domain is, without regard to case and to what stands behind a `+`. */
  find(address: string): number | undefined;
  /** Whom a message to the address is for; the owner where it is nobody's. */
  resolve(address: string): Recipient;
}

export function createAddresses(
  members: Pick<Members, "find" | "get" | "list">,
  aliases: AliasStore,
  domain: string,
): Addresses {
  const resolve = (address: string): Recipient => resolveRecipient({ members, aliases, domain }, address);
  return {
    of(account) {
      const name = members.get(account)?.name;
      if (name === undefined) return [];
      return [name, ...aliases.aloneOf(account)].map((local) => `${local}@${domain}`);
    },
    find(address) {
      const { kind, accounts } = resolve(address);
      return kind === "unknown" || accounts.length !== 1 ? undefined : accounts[0];
    },
    resolve,
  };
}

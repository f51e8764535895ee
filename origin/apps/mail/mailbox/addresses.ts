import type { Members } from "../../../members/members.ts";
import type { Database } from "../../../storage/database.ts";

/** Which addresses are whose: `NAME@domain` of each member, and what the owner has given beside. */
export interface Addresses {
  /** All of a member's, the first one `NAME@domain`. */
  of(account: number): string[];
  /** The account of an address of this domain, without regard to case and to what stands behind a `+`. */
  find(address: string): number | undefined;
  /** Gives an address to a member. False: it is somebody's already. */
  add(local: string, account: number): Promise<boolean>;
  /** False: there is none such. */
  remove(local: string): Promise<boolean>;
  list(): { local: string; account: number }[];
}

export function createAddresses(options: {
  database: Database;
  members: Pick<Members, "find" | "get">;
  domain: string;
  now: () => number;
}): Addresses {
  const { database, members, domain, now } = options;
  const selectOf = database.prepare<{ local: string }>(
    "SELECT local FROM aliases WHERE account = ? ORDER BY local",
  );
  const select = database.prepare<{ account: number }>("SELECT account FROM aliases WHERE local = ?");
  const selectAll = database.prepare<{ local: string; account: number }>(
    "SELECT local, account FROM aliases ORDER BY local",
  );
  const insert = database.prepare("INSERT INTO aliases VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  const remove = database.prepare("DELETE FROM aliases WHERE local = ?");

  function findLocal(local: string): number | undefined {
    const member = members.find(local);
    if (member && member.state !== "deactivated") return member.id;
    return select.get(local)?.account;
  }

  return {
    of(account) {
      const name = members.get(account)?.name;
      const aliases = selectOf.all(account).map(({ local }) => local);
      return [...(name === undefined ? [] : [name]), ...aliases].map((local) => `${local}@${domain}`);
    },
    find(address) {
      const at = address.lastIndexOf("@");
      if (at < 1 || address.slice(at + 1).toLowerCase() !== domain) return undefined;
      const local = address.slice(0, at).toLowerCase();
      const plus = local.indexOf("+");
      return findLocal(local) ?? (plus > 0 ? findLocal(local.slice(0, plus)) : undefined);
    },
    async add(local, account) {
      if (members.find(local)) return false;
      const { changes } = await database.write(() => insert.run(local.toLowerCase(), account, now()));
      return changes > 0;
    },
    async remove(local) {
      const { changes } = await database.write(() => remove.run(local.toLowerCase()));
      return changes > 0;
    },
    list: () => selectAll.all(),
  };
}

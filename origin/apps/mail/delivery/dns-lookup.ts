import { Resolver } from "node:dns/promises";

/**
 * Records of a name: those of TXT as lists of their strings, others as texts. Rejects with `code` ENOTFOUND or ENODATA
 * where there is none, with another one where nobody could tell.
 */
export type Resolve = (name: string, type: string) => Promise<string[][] | string[]>;

/** What is asked of whoever sends: keys and policies, and whether a name exists. */
const asked = new Set(["TXT", "A", "AAAA", "MX"]);

/** Asks the name servers of this machine, for some three seconds: whoever wrote may have named one that never answers. Nothing is connected to by what they answer. */
export function createResolve(): Resolve {
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  return async (name, type) => {
    if (!asked.has(type)) throw Object.assign(new Error(`${type} is not asked for.`), { code: "ENODATA" });
    return (await resolver.resolve(name, type)) as string[][] | string[];
  };
}

/** Where there is no network, or none is to be used: nobody can tell. */
export const refuseToResolve: Resolve = () =>
  Promise.reject(Object.assign(new Error("Nothing is looked up here."), { code: "EREFUSED" }));

import type { Database } from "../storage/database.ts";
import type { Accounts } from "./accounts.ts";
import { type Member, MembersError } from "./members.ts";
import { parseName } from "./names.ts";
import type { Passwords } from "./passwords.ts";
import { hashToken, makeToken } from "./tokens.ts";

export interface Setup {
  readonly claimed: () => boolean;
  readonly createToken: () => Promise<string>;
  readonly claim: (request: { token: string; name: string; password: string }) => Promise<Member>;
  readonly createOwner: (request: { name: string; password: string }) => Promise<Member>;
}

const tokenLifetime = 24 * 60 * 60 * 1000;

/** The way from an unclaimed server to one with an owner; it is walked once. */
export function createSetup(options: {
  database: Database;
  accounts: Accounts;
  passwords: Passwords;
  now: () => number;
}): Setup {
  const { database, accounts, passwords, now } = options;
  const selectClaim = database.prepare("SELECT 1 FROM claim");
  const insertClaim = database.prepare("INSERT INTO claim (one, claimed_at) VALUES (1, ?)");
  const selectToken = database.prepare("SELECT 1 FROM setup_tokens WHERE hash = ? AND expires_at > ?");
  const insertToken = database.prepare("INSERT INTO setup_tokens (hash, expires_at) VALUES (?, ?)");
  const deleteTokens = database.prepare("DELETE FROM setup_tokens");

  function refuseClaimed(): void {
    if (selectClaim.get() === undefined) return;
    throw new MembersError(
      "already-claimed",
      "This server has an owner already. Ask the owner for an invite.",
    );
  }

  async function makeOwner(
    request: { name: string; password: string },
    allowed: () => void,
  ): Promise<Member> {
    allowed();
    const name = parseName(request.name);
    passwords.check(request.password, "owner", name);
    const stored = await passwords.derive(request.password, allowed);
    return database.write(() => {
      allowed();
      const owner = accounts.insert(name, "owner", stored);
      insertClaim.run(now());
      deleteTokens.run();
      return owner;
    });
  }

  return {
    claimed: () => selectClaim.get() !== undefined,
    createToken: () =>
      database.write(() => {
        refuseClaimed();
        const token = makeToken("setup");
        deleteTokens.run();
        insertToken.run(hashToken(token), now() + tokenLifetime);
        return token;
      }),
    claim({ token, name, password }) {
      const hash = hashToken(token);
      return makeOwner({ name, password }, () => {
        refuseClaimed();
        if (selectToken.get(hash, now()) !== undefined) return;
        throw new MembersError(
          "setup-invalid",
          "This set-up link is wrong or has expired (it holds for 24 hours). Start Burrow on the device again: it prints a new one.",
        );
      });
    },
    createOwner: (request) => makeOwner(request, refuseClaimed),
  };
}

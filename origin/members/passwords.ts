import type { Database } from "../storage/database.ts";
import type { Transaction } from "../storage/writer.ts";
import type { Accounts } from "./accounts.ts";
import type { Kdf } from "./kdf.ts";
import type { KdfQueue } from "./kdf-queue.ts";
import { type Member, type Members, MembersError } from "./members.ts";
import { canonicalName } from "./names.ts";
import { checkPassword, checkPasswordSize, longestInputBytes } from "./password-strength.ts";

export interface Passwords {
  /** Throws password-weak. */
  readonly check: (password: string, role: Member["role"], name: string) => void;
  /**
   * The stored form. `stillWanted` runs when its turn comes and may throw: of a hundred requests with one
   * invite all but the first few then cost nothing.
   */
  readonly derive: (password: string, stillWanted?: () => void) => Promise<string>;
  readonly verify: Members["verifyPassword"];
  /** `alongside` runs in the same transaction. */
  readonly change: (
    memberId: number,
    password: string,
    alongside: (transaction: Transaction, member: Member) => void,
  ) => Promise<void>;
}

export function createPasswords(options: {
  database: Database;
  accounts: Accounts;
  kdf: Kdf;
  queue: KdfQueue;
  serverName: string;
  /** Of a test server. */
  anyPassword: boolean;
}): Passwords {
  const { database, accounts, kdf, queue } = options;
  const serverWords = options.serverName.split(".").filter((label) => label.length >= 3);
  const selectStored = database.prepare<{ id: number; password: string | null }>(
    "SELECT id, password FROM members WHERE name = ?",
  );
  const replace = database.prepare("UPDATE members SET password = ? WHERE id = ?");
  const replaceSame = database.prepare("UPDATE members SET password = ? WHERE id = ? AND password = ?");

  const check: Passwords["check"] = options.anyPassword
    ? checkPasswordSize
    : (password, role, name) => checkPassword(password, role, [name, options.serverName, ...serverWords]);

  const derive: Passwords["derive"] = (password, stillWanted) =>
    queue.run(() => {
      stillWanted?.();
      return kdf.hash(password);
    });

  /** Moves a password that was just proved to today's cost. That it fails while many wait is no matter. */
  async function strengthen(memberId: number, stored: string, password: string): Promise<void> {
    try {
      const stronger = await derive(password);
      await database.write(() => replaceSame.run(stronger, memberId, stored));
    } catch (error) {
      if (!(error instanceof MembersError && error.code === "busy")) throw error;
    }
  }

  return {
    check,
    derive,
    async verify(name, password, turn) {
      const account = selectStored.get(canonicalName(name));
      const stored = account?.password ?? kdf.decoy();
      // Normalising megabytes would hold everybody up. The derivation is the same as for any wrong password.
      const tooLong = Buffer.byteLength(password) > longestInputBytes;
      const right = await queue.run(() => kdf.verify(stored, tooLong ? "" : password), turn);
      if (!right || !account || tooLong) return undefined;
      // Deactivated or changed meanwhile: what was proved is no longer the password.
      if (selectStored.get(canonicalName(name))?.password !== stored) return undefined;
      if (kdf.outdated(stored)) await strengthen(account.id, stored, password);
      return accounts.get(account.id);
    },
    async change(memberId, password, alongside) {
      const { role, name } = accounts.require(memberId);
      check(password, role, name);
      const stored = await derive(password);
      await database.write((transaction) => {
        const member = accounts.require(memberId);
        replace.run(stored, memberId);
        alongside(transaction, member);
      });
    },
  };
}
